"""com.microsoft: quantised layers, computed in floats and quantised anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import (
    Builder,
    Operator,
    dtype,
    rank,
)
from interop.graph.decompositions.quantization import dynamic_quantize_linear, saturate
from interop.source.values import Refusal

_POOL = ("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides")


def binary(name: str) -> Callable[[Builder, Operator], ir.Value]:
    """a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero."""

    def write(op: Builder, node: Operator) -> ir.Value:
        a, b = _real(op, node, 0), _real(op, node, 3)
        return _quantized(op, getattr(op, name)(a, b), node[6], node.get(7), dtype(node[0]))

    return write


def unary(function: Callable[[Builder, Operator, ir.Value], ir.Value]) -> Any:
    """x, x_scale, x_zero, y_scale, y_zero."""

    def write(op: Builder, node: Operator) -> ir.Value:
        result = function(op, node, _real(op, node, 0))
        return _quantized(op, result, node[3], node.get(4), dtype(node[0]))

    return write


def sigmoid(op: Builder, node: Operator, x: ir.Value) -> Any:
    return op.Sigmoid(x)


def leaky_relu(op: Builder, node: Operator, x: ir.Value) -> Any:
    return op.LeakyRelu(x, alpha=float(node.attribute("alpha", 0.01)))


def softmax(op: Builder, node: Operator, x: ir.Value) -> Any:
    if node.attribute("opset", 13) < 13:
        raise Refusal("softmax over several axes")
    return op.Softmax(x, axis=node.attribute("axis", -1))


def average_pool(op: Builder, node: Operator, x: ir.Value) -> Any:
    if node.attribute("channels_last", 0):
        raise Refusal("channels last")
    found = {name: node.attribute(name) for name in _POOL}
    return op.AveragePool(x, **{name: value for name, value in found.items() if value is not None})


def global_average_pool(op: Builder, node: Operator, x: ir.Value) -> Any:
    if node.attribute("channels_last", 0):
        return op.ReduceMean(x, list(range(1, rank(node[0]) - 1)), keepdims=1)
    return op.GlobalAveragePool(x)


def concat(op: Builder, node: Operator) -> ir.Value:
    """y_scale, y_zero, then each part with its scale and zero point."""
    parts = [_real(op, node, index) for index in range(2, len(node.inputs), 3)]
    joined = op.Concat(*parts, axis=node.attribute("axis"))
    return _quantized(op, joined, node[0], node.get(1), dtype(node[2]))


def _real(op: Builder, node: Operator, index: int) -> Any:
    x = op.cast(node[index], np.float32)
    zero = node.get(index + 2)
    if zero is not None:
        x = op.Sub(x, op.cast(zero, np.float32))
    return op.Mul(x, node[index + 1])


def _quantized(
    op: Builder, x: ir.Value, scale: ir.Value, zero: ir.Value | None, to: ir.DataType
) -> ir.Value:
    return saturate(op, op.Round(op.Div(x, scale)), zero, to)


def matmul_integer_to_float(op: Builder, node: Operator) -> ir.Value:
    """a, b, a_scale, b_scale, a_zero, b_zero, bias."""
    total = op.MatMulInteger(node[0], node[1], node.get(4), node.get(5))
    scaled = op.Mul(op.cast(total, np.float32), op.Mul(node[2], node[3]))
    bias = node.get(6)
    return scaled if bias is None else op.Add(scaled, bias)  # type: ignore[no-any-return]


def dynamic_quantize_matmul(op: Builder, node: Operator) -> ir.Value:
    """a (float), b, b_scale, b_zero, bias."""
    a, scale, zero = dynamic_quantize_linear(op, node)
    total = op.MatMulInteger(a, node[1], zero, node.get(3))
    scaled = op.Mul(op.cast(total, np.float32), op.Mul(scale, node[2]))
    bias = node.get(4)
    return scaled if bias is None else op.Add(scaled, bias)  # type: ignore[no-any-return]


def matmul_n_bits(op: Builder, node: Operator) -> ir.Value:
    """a [..., K], b uint8 [N, blocks, bytes], scales, zero points (packed alike, or floats), the
    block of each row, bias [N].
    """
    bits, block = node.attribute("bits", 4), node.attribute("block_size")
    width, columns = node.attribute("K"), node.attribute("N")
    if bits not in (2, 4, 8):
        raise Refusal(f"{bits} bits")
    group = node.get(4)
    if group is not None:
        raise Refusal("rows in another order (g_idx)")
    blocks = -(-width // block)
    packed, scale, zero = node[1], node[2], node.get(3)
    numbers = _unpacked(op, packed, bits)
    numbers = op.Reshape(op.cast(numbers, dtype(scale)), [columns, blocks, -1])
    if zero is None:
        shift = op.CastLike(op.constant(float(2 ** (bits - 1)), np.float32), scale)
    elif dtype(zero) == ir.DataType.UINT8:
        rows = op.Reshape(
            op.cast(_unpacked(op, op.Reshape(zero, [columns, -1]), bits), dtype(scale)),
            [columns, -1],
        )
        shift = op.Unsqueeze(op.slice(rows, 1, 0, blocks), [2])
    else:
        shift = op.Reshape(zero, [columns, blocks, 1])
    real = op.Mul(op.Sub(numbers, shift), op.Reshape(scale, [columns, blocks, 1]))
    filled = op.slice(op.Reshape(real, [columns, -1]), 1, 0, width)
    product = op.MatMul(node[0], op.Transpose(filled, perm=[1, 0]))
    bias = node.get(5)
    return product if bias is None else op.Add(product, bias)  # type: ignore[no-any-return]


def _unpacked(op: Builder, packed: ir.Value, bits: int) -> ir.Value:
    """The numbers in each byte along a new last axis, the lowest bits first."""
    if bits == 8:
        return packed
    divisors = np.array([1 << shift for shift in range(0, 8, bits)], np.int32)
    wide = op.Unsqueeze(op.cast(packed, np.int32), [-1])
    return op.Mod(op.Div(wide, divisors), 1 << bits)  # type: ignore[no-any-return]
