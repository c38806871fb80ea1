"""Weights of 8 bits beside real data: the kernels quantize the data, too, anew in each call.

What they compute is the product of real weights with the data rounded to 8 bits, and that is how it is
written here. The rounding is that of tensorflow/lite/kernels/internal/tensor_utils.h
(AsymmetricQuantizeFloats, SymmetricQuantizeFloats), for each entry of a batch by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from interop.converters.tflite.operator import Op

_LOW, _HIGH = -128.0, 127.0


def requantized_input(op: Op, x: str, axes: Sequence[int]) -> str:
    """The data of a convolution, rounded over `axes` if its weights are of 8 bits and it is real."""
    weights = op.tensor(1)
    if not is_dynamic(op, 0, 1):
        return x
    assert weights.scales is not None
    if len(weights.scales) > 1 or op.name != "CONV_2D":
        return asymmetric(op, x, axes)
    return symmetric(op, x, axes)


def is_dynamic(op: Op, data: int, weights: int) -> bool:
    return op.tensor(data).dtype == "float32" and op.tensor(weights).quantized


def symmetric(op: Op, x: str, axes: Sequence[int]) -> str:
    """To whole multiples of a 127th of the largest size."""
    over = op.integers(*axes)
    largest = op.emit("ReduceMax", [op.emit("Abs", [x]), over], keepdims=1)
    scale = _unless_zero(op, op.emit("Div", [largest, op.constant(np.float32(_HIGH))]))
    whole = _rounded(op, op.emit("Div", [x, scale]))
    product: str = op.emit("Mul", [op.clipped(whole, -_HIGH, _HIGH), scale])
    return product


def asymmetric(op: Op, x: str, axes: Sequence[int]) -> str:
    """To one of 256 numbers from the least to the largest, zero among them."""
    over, zero = op.integers(*axes), op.constant(np.float32(0))
    low = op.emit("Min", [op.emit("ReduceMin", [x, over], keepdims=1), zero])
    high = op.emit("Max", [op.emit("ReduceMax", [x, over], keepdims=1), zero])
    span = op.emit("Sub", [high, low])
    scale = _unless_zero(op, op.emit("Div", [span, op.constant(np.float32(_HIGH - _LOW))]))
    below = op.emit("Sub", [op.constant(np.float32(_LOW)), op.emit("Div", [low, scale])])
    above = op.emit("Sub", [op.constant(np.float32(_HIGH)), op.emit("Div", [high, scale])])
    # From the end whose numbers are smaller, and so more exact.
    nearer = op.emit("Less", [
        op.emit("Sub", [op.constant(np.float32(-_LOW)), op.emit("Div", [low, scale])]),
        op.emit("Add", [op.constant(np.float32(_HIGH)), op.emit("Div", [high, scale])]),
    ])  # fmt: skip
    shift = op.clipped(_rounded(op, op.emit("Where", [nearer, below, above])), _LOW, _HIGH)
    inverse = op.emit("Reciprocal", [scale])
    whole = _rounded(op, op.emit("Add", [shift, op.emit("Mul", [x, inverse])]))
    kept = op.emit("Sub", [op.clipped(whole, _LOW, _HIGH), shift])
    product: str = op.emit("Mul", [kept, scale])
    return product


def _unless_zero(op: Op, scale: str) -> str:
    """Of nothing but zeros every scale is right; one keeps the quotients numbers."""
    nothing = op.emit("Equal", [scale, op.constant(np.float32(0))])
    name: str = op.emit("Where", [nothing, op.constant(np.float32(1)), scale])
    return name


def _rounded(op: Op, x: str) -> str:
    """Halves away from zero, as C's round."""
    half = op.emit("Add", [op.emit("Abs", [x]), op.constant(np.float32(0.5))])
    name: str = op.emit("Mul", [op.emit("Sign", [x]), op.emit("Floor", [half])])
    return name
