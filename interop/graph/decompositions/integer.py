"""Products of quantised tensors, exact: in float32 where that holds every sum, else in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import (
    Builder,
    Operator,
    dtype,
    known,
    rank,
    sizes,
)
from interop.graph.decompositions.quantization import saturate

_CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def matmul_integer(op: Builder, node: Operator) -> ir.Value:
    wide = _width(node[1], node.get(3), -2)
    a = _centred(op, node[0], _rows(op, node[0], node.get(2)), wide)
    b = _centred(op, node[1], node.get(3), wide)  # one per column broadcasts as it is
    return op.cast(op.MatMul(a, b), np.int32)


def conv_integer(op: Builder, node: Operator) -> ir.Value:
    wide = _width(node[1], node.get(3), 0)
    x = _centred(op, node[0], node.get(2), wide)
    w = _centred(op, node[1], _filters(op, node[1], node.get(3)), wide)
    return op.cast(op.Conv(x, w, **_convolution(node)), np.int32)


def qlinear_conv(op: Builder, node: Operator) -> ir.Value:
    """x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero and an int32 bias."""
    wide = _width(node[3], node[5], 0)
    x = _centred(op, node[0], node[2], wide)
    w = _centred(op, node[3], _filters(op, node[3], node[5]), wide)
    total = op.cast(op.Conv(x, w, **_convolution(node)), np.int32)
    bias = node.get(8)
    if bias is not None:
        total = op.Add(total, op.reshape(bias, *([1, -1] + [1] * (rank(node[0]) - 2))))
    scale = op.Div(op.Mul(node[1], node[4]), node[6])
    if rank(node[4]) == 1:
        scale = op.reshape(scale, *([1, -1] + [1] * (rank(node[0]) - 2)))
    return _requantized(op, total, scale, node[7])


def qlinear_matmul(op: Builder, node: Operator) -> ir.Value:
    """a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero."""
    wide = _width(node[3], node[5], -2)
    a = _centred(op, node[0], _rows(op, node[0], node[2]), wide)
    b = _centred(op, node[3], node[5], wide)
    a_scale = _rows(op, node[0], node[1])
    scale = op.Mul(a_scale, node[4])
    return _requantized(op, op.MatMul(a, b), op.Div(scale, node[6]), node[7])


def _requantized(op: Builder, total: ir.Value, scale: ir.Value, zero: ir.Value) -> ir.Value:
    """In float32, as the kernels of ONNX Runtime do it."""
    scaled = op.Mul(op.cast(op.cast(total, np.int32), np.float32), op.cast(scale, np.float32))
    return saturate(op, op.Round(scaled), zero, dtype(zero))


def _width(w: ir.Value, zero: ir.Value | None, kept: int) -> type[np.generic]:
    """The float that holds the sums over `w`, which are along all its axes but `kept` (all but the
    one summed, for a matrix: -2). The other factor has eight bits: 255 at most beside its zero point.
    """
    if any(dim is None for dim in sizes(w)):
        return np.float64
    lengths = [int(dim) for dim in sizes(w) if dim is not None]
    terms = lengths[-2 if len(lengths) > 1 else 0] if kept == -2 else int(np.prod(lengths[1:]))
    array, shift = known(w), known(zero)
    largest = 255
    if array is not None and (zero is None or shift is not None):
        shift = np.zeros((), np.int64) if shift is None else shift.astype(np.int64)
        largest = int(np.max(np.abs(array.astype(np.int64)), initial=0) + np.max(np.abs(shift)))
    return np.float32 if terms * largest * 255 <= 1 << 24 else np.float64


def _centred(op: Builder, x: ir.Value, zero: ir.Value | None, wide: type[np.generic]) -> ir.Value:
    large: ir.Value = op.cast(x, wide)
    return large if zero is None else op.Sub(large, op.cast(zero, wide))


def _rows(op: Builder, a: ir.Value, given: ir.Value | None) -> Any:
    """A parameter per row of `a` beside the rows: [M] becomes [M, 1]."""
    if given is None or rank(given) != 1 or rank(a) == 1 or given.shape == (1,):
        return given
    return op.Unsqueeze(given, [-1])


def _filters(op: Builder, w: ir.Value, given: ir.Value | None) -> Any:
    """A parameter per filter: [M] becomes [M, 1, 1, …]."""
    if given is None or rank(given) == 0:
        return given
    return op.reshape(given, *([-1] + [1] * (rank(w) - 1)))


def _convolution(node: Operator) -> dict[str, Any]:
    found = {name: node.attribute(name) for name in _CONV}
    return {name: value for name, value in found.items() if value is not None}
