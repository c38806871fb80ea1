"""Loops that turn a known number of times, as that many copies of their body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, known, static
from interop.source.values import Refusal

#: More nodes than this make a graph that nobody wants.
_LARGEST = 20_000

_PASSES_ON = frozenset({"Cast", "Identity"})


def loop(op: Builder, node: Operator) -> list[ir.Value | None]:
    """Loop with a known trip count that nothing ends earlier.

    (onnx.ai/onnx/operators/onnx__Loop.html) What is kept of each turn is stacked along a new first axis.
    """
    body: ir.Graph = node.attribute("body")
    condition = node.get(1)
    start = known(condition)
    if (condition is not None and (start is None or not start.all())) or not _goes_on(body):
        raise Refusal("when it stops depends on data")
    states = list(node.inputs[2:])
    turns = _turns(node, len(states))
    _check(body, turns)
    going = condition if condition is not None else op.constant(True)
    kept: list[list[Any]] = [[] for _ in body.outputs[1 + len(states) :]]
    for number in range(turns):
        results = _turn(op, body, number, [op.constant(number, np.int64), going, *states])
        states, rest = results[1 : 1 + len(states)], results[1 + len(states) :]
        for row, value in zip(kept, rest, strict=True):
            row.append(value)
    return [*states, *(_stacked(op, row, 0) for row in kept)]


def scan(op: Builder, node: Operator) -> list[ir.Value | None]:
    """Scan over a known number of steps (onnx.ai/onnx/operators/onnx__Scan.html)."""
    body: ir.Graph = node.attribute("body")
    count = node.attribute("num_scan_inputs")
    states, scanned = list(node.inputs[:-count]), [node[i] for i in _last(node, count)]
    axes = node.attribute("scan_input_axes") or [0] * count
    turns = static(scanned[0], axes[0], "number of steps")
    _check(body, turns)
    backward = node.attribute("scan_input_directions") or [0] * count
    kept: list[list[Any]] = [[] for _ in body.outputs[len(states) :]]
    for number in range(turns):
        slices = [
            op.Gather(x, turns - 1 - number if back else number, axis=axis)
            for x, axis, back in zip(scanned, axes, backward, strict=True)
        ]
        results = _turn(op, body, number, [*states, *slices])
        states, rest = results[: len(states)], results[len(states) :]
        for row, value in zip(kept, rest, strict=True):
            row.append(value)
    return [*states, *_scanned(op, node, kept)]


def _turns(node: Operator, states: int) -> int:
    """As often as the limit says, or as what is kept of each turn is long."""
    limit = known(node.get(0))
    if limit is not None:
        return int(limit.item())
    for index in range(states, node.outputs):
        shape = node.output_shape(index)
        if shape and shape[0] is not None:
            return shape[0]
    raise Refusal("how often it turns is not known")


def _last(node: Operator, count: int) -> range:
    return range(len(node.inputs) - count, len(node.inputs))


def _scanned(op: Builder, node: Operator, kept: list[list[Any]]) -> Iterator[ir.Value]:
    axes = node.attribute("scan_output_axes") or [0] * len(kept)
    backward = node.attribute("scan_output_directions") or [0] * len(kept)
    for row, axis, back in zip(kept, axes, backward, strict=True):
        yield _stacked(op, row[::-1] if back else row, axis)


def _stacked(op: Builder, row: list[ir.Value], axis: int) -> ir.Value:
    return op.Concat(*(op.Unsqueeze(value, [axis]) for value in row), axis=axis)  # type: ignore[no-any-return]


def _check(body: ir.Graph, turns: int) -> None:
    nodes = sum(1 for _ in ir.traversal.RecursiveGraphIterator(body))
    if turns == 0:
        raise Refusal("it never turns")
    if turns * nodes > _LARGEST:
        raise Refusal(f"{turns} turns of {nodes} nodes are more than unrolling serves")


def _goes_on(body: ir.Graph) -> bool:
    """Whether the body hands its condition on, or says true."""
    value = body.outputs[0]
    while (producer := value.producer()) is not None and producer.op_type in _PASSES_ON:
        assert producer.inputs[0] is not None
        value = producer.inputs[0]
    constant = known(value)
    return value is body.inputs[1] or (constant is not None and bool(constant.all()))


def _turn(op: Builder, body: ir.Graph, number: int, given: Sequence[ir.Value | None]) -> list[Any]:
    """A copy of the body's nodes, which reads `given`; its results."""
    copy = body.clone(allow_outer_scope_values=True)
    formal = dict(zip(copy.inputs, given, strict=True))
    results = [formal.get(output, output) for output in copy.outputs]
    copy.outputs.clear()
    for name, actual in formal.items():
        if actual is None:
            raise Refusal("a state is absent")
        name.replace_all_uses_with(actual)
    prefix = f"{op.prefix}/turn_{number}"
    for inner in ir.traversal.RecursiveGraphIterator(copy):
        inner.name = f"{prefix}/{inner.name}"
        for output in inner.outputs:
            output.name = f"{prefix}/{output.name}"
    nodes, initializers = list(copy), list(copy.initializers.values())
    copy.initializers.clear()
    for value in initializers:
        value.name = f"{prefix}/{value.name}"
    op.initializers += initializers
    copy.remove(nodes)
    op.nodes += nodes
    return results
