"""If, Loop and Scan. A functional model has no control flow of its own that a file could hold: both
branches are computed and one is picked, and loops of a known number of turns are unrolled."""

from __future__ import annotations

import onnx_ir as ir
from interop.converters.keras.lowerings.common import ops

from interop.source.expression import Expression, Symbol, literal
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value

#: More turns than this make a graph that nobody wants.
_LONGEST = 512

#: What is left to do where nobody knows how many turns there are.
_OPEN = "a functional model holds no loops: export it with that size fixed, or as a recurrent layer"


def if_(
    condition: Value, *, then_branch: ir.Graph, else_branch: ir.Graph, node: Node
) -> Unpack | Expression:
    for one, other in zip(then_branch.outputs, else_branch.outputs, strict=True):
        if not isinstance(one.type, ir.TensorType) or one.shape is None or one.shape != other.shape:
            raise Refusal(
                "the branches give results of different shapes, and one is picked at the end"
            )
    then, otherwise = node.function(then_branch, "then"), node.function(else_branch, "otherwise")
    call = Symbol("picked")(condition, then, otherwise)
    return Unpack(call, len(node.outputs)) if len(node.outputs) > 1 else call


def loop(
    limit: Value | None, condition: Value | None = None, *state: Value, body: ir.Graph, node: Node
) -> Unpack | Expression:
    going = body.outputs[0]
    kept = node.outputs[len(state) :]
    turns = _turns(limit, [one.shape for one in kept])
    always = (
        condition is None or (condition.constant is not None and condition.constant.all())
    ) and (_always(going, body))
    for initial, new in zip(state, body.outputs[1:], strict=False):
        _check_state(initial, new, always)
    step = node.function(body, "body")
    call = Symbol("unrolled")(step, turns, None if always else _start(condition), list(state))
    return Unpack(call, len(node.outputs))


def _start(condition: Value | None) -> Expression:
    if condition is None or condition.constant is not None:
        begun = condition is None or bool(condition.constant.all())  # type: ignore[union-attr]
        return Expression(literal(begun))
    return ops.reshape(condition, [])


def _always(going: ir.Value, body: ir.Graph) -> bool:
    """Whether the body never asks to stop: it hands the condition on, or says true."""
    if going.const_value is not None:
        return bool(going.const_value.numpy().all())
    source, producer = going, going.producer()
    while (
        producer is not None and producer.op_type in ("Identity", "Cast") and producer.domain == ""
    ):
        assert producer.inputs[0] is not None
        source = producer.inputs[0]
        producer = source.producer()
    if source.const_value is not None:
        return bool(source.const_value.numpy().all())
    return source is body.inputs[1]


def _turns(limit: Value | None, shapes: list[tuple[int | None, ...] | None]) -> int:
    """As many as the limit says, or as the results that are kept of each turn are long."""
    if limit is not None and limit.constant is not None:
        count = limit.ints("trip count")[0]
    else:
        known = [shape[0] for shape in shapes if shape and shape[0] is not None]
        if not known:
            raise Refusal(f"how often it turns depends on data; {_OPEN}")
        count = known[0]
    if count > _LONGEST:
        raise Refusal(f"{count} turns are more than unrolling serves")
    return count


def _check_state(initial: Value, new: ir.Value, always: bool) -> None:
    if not isinstance(new.type, ir.TensorType) or always:
        return
    shape = None if new.shape is None else [d if isinstance(d, int) else None for d in new.shape]
    if initial.shape is None or shape is None or list(initial.shape) != shape:
        raise Refusal("a carried value changes its shape, and when it stops depends on data")


def scan(
    *inputs: Value, body: ir.Graph, num_scan_inputs: int, node: Node,
    scan_input_axes: list[int] | None = None, scan_input_directions: list[int] | None = None,
    scan_output_axes: list[int] | None = None, scan_output_directions: list[int] | None = None,
) -> Unpack | Expression:  # fmt: skip
    states = len(inputs) - num_scan_inputs
    axes = scan_input_axes or [0] * num_scan_inputs
    turns = inputs[states].dim(axes[0])
    if turns is None:
        raise Refusal(f"how many steps there are is open; {_OPEN}")
    if turns > _LONGEST:
        raise Refusal(f"{turns} steps are more than unrolling serves")
    step = node.function(body, "body")
    outputs = node.outputs[states:]
    call = Symbol("scanned")(
        step, turns, list(inputs[:states]), list(inputs[states:]), axes,
        scan_input_directions or [0] * num_scan_inputs,
        scan_output_axes or [0] * len(outputs),
        scan_output_directions or [0] * len(outputs),
    )  # fmt: skip
    return Unpack(call, len(node.outputs))
