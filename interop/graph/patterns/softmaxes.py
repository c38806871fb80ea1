"""Softmax and its logarithm, written out, as the one operator that each is."""

from __future__ import annotations

import math

import onnx_ir as ir

from interop.graph.patterns.terms import (
    become,
    is_spread,
    made_by,
    reduced_axes,
    with_number,
    without_ones,
)


def fuse_softmaxes(model: ir.Model) -> None:
    """Put Softmax in the place of exp(x - max) / sum(exp(x - max)), and LogSoftmax in that of
    x - max - log(sum(exp(x - max))), over one axis; in place."""
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.domain == "" and node.op_type in ("Div", "Sub"):
            found = _softmax(node) if node.op_type == "Div" else _log_softmax(node)
            if found is not None:
                x, axis = found
                become(node, "Softmax" if node.op_type == "Div" else "LogSoftmax", [x], axis=axis)


def _softmax(node: ir.Node) -> tuple[ir.Value, int] | None:
    exp = made_by(node.inputs[0], "Exp")
    if exp is None:
        return None
    return _shifted(exp.inputs[0], _summed(node.inputs[1], exp.outputs[0]))


def _log_softmax(node: ir.Node) -> tuple[ir.Value, int] | None:
    shifted, log = node.inputs[0], made_by(without_ones(node.inputs[1]), "Log")
    total = None if log is None else made_by(without_ones(log.inputs[0]), "ReduceSum")
    exp = None if total is None else made_by(total.inputs[0], "Exp")
    if total is None or exp is None or exp.inputs[0] is not shifted or shifted is None:
        return None
    return _shifted(shifted, _one_axis(total, node.inputs[1], shifted))


def _summed(value: ir.Value | None, exp: ir.Value) -> int | None:
    """The axis over which `value` is the sum of `exp`."""
    total = made_by(without_ones(value), "ReduceSum")
    if total is None or total.inputs[0] is not exp:
        return None
    return _one_axis(total, value, exp)


def _one_axis(node: ir.Node, spread: ir.Value | None, data: ir.Value) -> int | None:
    """The one axis of `data` over which `node` goes, where `spread` then stands beside its entries."""
    axes = reduced_axes(node)
    if axes is None or len(axes) != 1 or not is_spread(spread, data, axes):
        return None
    return axes[0]


def _shifted(value: ir.Value | None, axis: int | None) -> tuple[ir.Value, int] | None:
    """(x, axis) where `value` is x without its maximum along that axis."""
    node = made_by(value, "Sub")
    if node is None or axis is None or node.inputs[0] is None:
        return None
    x, most = node.inputs[0], without_ones(node.inputs[1])
    floor = made_by(most, "Max")
    for least, other in () if floor is None else with_number(floor):
        if least == -math.inf:  # where a reduction starts
            most = without_ones(other)
    largest = made_by(most, "ReduceMax")
    if largest is None or largest.inputs[0] is not x:
        return None
    return (x, axis) if _one_axis(largest, node.inputs[1], x) == axis else None
