"""Loops that go on while a counter is below a bound: how often they turn is said beforehand.

So TensorFlow and TFLite write recurrent layers. A loop that is known to turn a number of times can
be unrolled, or be a Scan, by targets that have no other loops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

_WRAPPERS = frozenset({"Cast", "Identity", "Reshape", "Squeeze"})


def count_loops(model: ir.Model) -> int:
    """Give each such Loop its number of turns, and let its body not ask; in place.

    Returns how many there were.
    """
    found = [
        node
        for node in ir.traversal.RecursiveGraphIterator(model.graph)
        if node.op_type == "Loop" and node.domain == ""
    ]
    return sum(_count(model, node) for node in found)


@dataclass(frozen=True)
class _Term:
    """The loop goes on after turn i (from 0) while i + `shift` is below `bound`."""

    bound: ir.Value
    shift: int


def _count(model: ir.Model, node: ir.Node) -> bool:
    body = node.attributes["body"].as_graph()
    going = _inside(body.outputs[0])
    if going is body.inputs[1] or going.const_value is not None:
        return False  # it does not ask
    terms = [_term(node, body, one) for one in _conditions(going)]
    if not terms or None in terms:
        return False
    made: list[ir.Node] = []
    least = node.inputs[0]
    for index, term in enumerate(terms):
        assert term is not None
        turns = _turns(model, f"{node.name}/bound_{index}", term, made)
        name = f"{node.name}/turns_{index}"
        least = turns if least is None else _least(model, name, least, turns, made)
    assert node.graph is not None
    node.graph.insert_before(node, made)
    node.replace_input_with(0, least)
    stays = ir.node("Identity", [body.inputs[1]])
    stays.outputs[0].type, stays.outputs[0].shape = ir.TensorType(ir.DataType.BOOL), ir.Shape([])
    stays.outputs[0].name = f"{node.name}/goes_on"
    body.append(stays)
    body.outputs[0] = stays.outputs[0]
    return True


def _conditions(value: ir.Value) -> Iterator[ir.Value]:
    """What has to be true for `value` to be."""
    value = _inside(value)
    producer = value.producer()
    if producer is not None and producer.op_type == "And" and producer.domain == "":
        for one in producer.inputs:
            assert one is not None
            yield from _conditions(one)
    else:
        yield value


def _term(node: ir.Node, body: ir.Graph, value: ir.Value) -> _Term | None:
    less = value.producer()
    if less is None or less.op_type != "Less" or less.domain != "" or less.graph is not body:
        return None
    counter, bound = (_inside(one) for one in less.inputs if one is not None)
    shift, outer = _shift(node, body, counter), _outside(node, body, bound)
    if shift is None or outer is None or outer.shape is None or len(outer.shape) > 0:
        return None
    return _Term(outer, shift)


def _shift(node: ir.Node, body: ir.Graph, value: ir.Value) -> int | None:
    """What `value` is more than the number of the turn."""
    if value is body.inputs[0]:
        return 0
    for index, carried in enumerate(body.inputs[2:]):
        following, start = _inside(body.outputs[1 + index]), node.inputs[2 + index]
        counts = _is_next(following, carried)
        if value not in (carried, following) or not counts:
            continue
        if start is None or start.const_value is None or start.const_value.size != 1:
            return None
        return int(start.const_value.numpy().item()) + (value is following)
    return None


def _is_next(value: ir.Value, carried: ir.Value) -> bool:
    """Whether `value` is `carried` and one, in integers."""
    add = value.producer()
    if add is None or add.op_type != "Add" or add.domain != "":
        return False
    others = [one for one in add.inputs if one is not carried]
    step = others[0].const_value if len(others) == 1 and others[0] is not None else None
    if step is None or step.size != 1 or step.dtype not in (ir.DataType.INT32, ir.DataType.INT64):
        return False
    return bool(step.numpy().item() == 1)


def _outside(node: ir.Node, body: ir.Graph, value: ir.Value) -> ir.Value | None:
    """`value` as it is known outside the body, which does not change it; None where it may."""
    for index, carried in enumerate(body.inputs[2:]):
        if value is carried:
            return node.inputs[2 + index] if _inside(body.outputs[1 + index]) is value else None
    producer = value.producer()
    inner = value in body.inputs[:2] or (producer is not None and producer.graph is body)
    return None if inner else value


def _inside(value: ir.Value | None) -> ir.Value:
    """The value of one entry that `value` is in another type or form."""
    assert value is not None
    producer = value.producer()
    while producer is not None and producer.op_type in _WRAPPERS and producer.domain == "":
        assert producer.inputs[0] is not None
        value, producer = producer.inputs[0], producer.inputs[0].producer()
    return value


def _turns(model: ir.Model, name: str, term: _Term, made: list[ir.Node]) -> ir.Value:
    """int64: one, and as many more as `term` allows."""
    if term.bound.const_value is not None:
        number = max(1, int(np.ceil(term.bound.const_value.numpy().item())) - term.shift + 1)
        return _number(model, f"{name}/turns", number)
    one = _number(model, f"{name}/one", 1)
    less = _number(model, f"{name}/shift", term.shift - 1)
    whole = _add(made, "Cast", term.bound, to=ir.DataType.INT64.value)
    return _add(made, "Max", _add(made, "Sub", whole, less), one)


def _least(
    model: ir.Model, name: str, one: ir.Value, other: ir.Value, made: list[ir.Node]
) -> ir.Value:
    """The smaller of two numbers; a constant where both are, for those who unroll."""
    first, second = one.const_value, other.const_value
    if first is None or second is None:
        return _add(made, "Min", one, other)
    return _number(model, name, min(int(first.numpy().item()), int(second.numpy().item())))


def _add(made: list[ir.Node], kind: str, *inputs: ir.Value, **attributes: int) -> ir.Value:
    node = ir.node(kind, list(inputs), attributes)
    node.outputs[0].type, node.outputs[0].shape = ir.TensorType(ir.DataType.INT64), ir.Shape([])
    made.append(node)
    return node.outputs[0]


def _number(model: ir.Model, name: str, number: int) -> ir.Value:
    value = ir.Value(
        name=name,
        shape=ir.Shape([]),
        type=ir.TensorType(ir.DataType.INT64),
        const_value=ir.tensor(np.array(number, dtype=np.int64), name=name),
    )
    model.graph.register_initializer(value)
    return value
