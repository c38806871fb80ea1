"""Quantisation of every dtype, by one scale, one per slice of an axis, or one per block."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, dtype, rank
from interop.source.values import Refusal

_RANGES = {
    ir.DataType.UINT2: (0, 3), ir.DataType.INT2: (-2, 1),
    ir.DataType.UINT4: (0, 15), ir.DataType.INT4: (-8, 7),
    ir.DataType.UINT8: (0, 255), ir.DataType.INT8: (-128, 127),
    ir.DataType.UINT16: (0, 65535), ir.DataType.INT16: (-32768, 32767),
    ir.DataType.INT32: (-(2**31), 2**31 - 1),
}  # fmt: skip


def saturate(op: Builder, rounded: ir.Value, zero: ir.Value | None, to: ir.DataType) -> ir.Value:
    """Whole numbers in float32, shifted by `zero` and kept within the range of `to`."""
    if to not in _RANGES:
        raise Refusal(f"quantisation to {to.name} is not expressed by simpler operators")
    # Where a sum is inexact in float32 it is far outside the range of 16 bits.
    wide = op.cast(rounded, np.float64 if to == ir.DataType.INT32 else np.float32)
    if zero is not None:
        wide = op.Add(wide, op.cast(zero, wide.dtype))
    low, high = _RANGES[to]
    return op.cast(op.Clip(wide, float(low), float(high)), to)


def quantize_linear(op: Builder, node: Operator) -> ir.Value:
    x, scale, zero = node[0], node[1], node.get(2)
    to = node.output_dtype() if zero is None else dtype(zero)
    wide = op.cast(x, np.float32)
    quotient = op.Div(wide, op.cast(_along(op, node, scale), np.float32))
    if to.is_floating_point() and to not in _RANGES:
        return op.Cast(quotient, to=to.value, saturate=node.attribute("saturate", 1))
    shift = None if zero is None else _along(op, node, zero)
    return saturate(op, op.Round(quotient), shift, to)


def dequantize_linear(op: Builder, node: Operator) -> ir.Value:
    x, scale, zero = node[0], node[1], node.get(2)
    to = dtype(scale)
    exact = op.cast(x, np.float32 if dtype(x) != ir.DataType.INT32 else np.float64)
    if zero is not None:
        exact = op.Sub(exact, op.cast(_along(op, node, zero), exact.dtype))
    product = op.Mul(op.cast(exact, np.float32), op.cast(_along(op, node, scale), np.float32))
    output: int | None = node.attribute("output_dtype")
    return op.cast(product, ir.DataType(output) if output else to)


def dynamic_quantize_linear(op: Builder, node: Operator) -> tuple[ir.Value, ir.Value, ir.Value]:
    """To uint8, with zero inside the range of x: the quantised x, its scale and zero point."""
    x = node[0]
    high = op.Max(op.ReduceMax(x, keepdims=0), 0.0)
    low = op.Min(op.ReduceMin(x, keepdims=0), 0.0)
    scale = op.Div(op.Sub(high, low), 255.0)
    # Of nothing but zeros, every scale is right; one keeps the quotient a number.
    divisor = op.Where(op.Equal(scale, 0.0), 1.0, scale)
    zero = op.cast(op.Round(op.Clip(op.Div(op.Neg(low), divisor), 0.0, 255.0)), np.uint8)
    return saturate(op, op.Round(op.Div(x, divisor)), zero, ir.DataType.UINT8), scale, zero


def _along(op: Builder, node: Operator, given: ir.Value) -> ir.Value:
    """A scale or zero point so that it broadcasts against x."""
    x = node[0]
    axis = node.attribute("axis", 1)
    block = node.attribute("block_size", 0)
    if block:
        axis %= rank(x)
        given = op.cast(given, np.float32)
        repeated = op.Unsqueeze(given, [axis + 1])
        repeats = op.constant([1] * (axis + 1) + [block] + [1] * (rank(x) - axis - 1), np.int64)
        tiled = op.Tile(repeated, repeats)
        before = [op.size(given, i) for i in range(axis)]
        after = [op.size(given, i) for i in range(axis + 1, rank(x))]
        whole = op.reshape(tiled, *before, -1, *after)
        # The last block may be a part only.
        return op.Slice(whole, [0], op.size(x, axis), [axis])  # type: ignore[no-any-return]
    if rank(given) == 0 or given.shape == (1,):
        return given if rank(given) == 0 else op.Squeeze(given, [0])
    axis %= rank(x)
    return op.reshape(given, *([-1] + [1] * (rank(x) - axis - 1)))
