"""Linear quantisation: one scale for a tensor, for each slice along an axis, or for each block."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.tensorflow.lowerings.common import FLOAT8, axis_size, dtype, tf
from interop.converters.tensorflow.lowerings.elementwise import to_float8

from interop.source.expression import Expression
from interop.source.values import Refusal, Value

#: Least and largest.
_LIMITS = {
    name: (np.iinfo(name).min, np.iinfo(name).max) for name in ("int8", "int16", "uint8", "uint16")
}


def quantize_linear(
    x: Value, scale: Value, zero: Value | None = None, *, axis: int = 1, saturate: int = 1,
    block_size: int = 0, output_dtype: int = 0, precision: int = 0,
) -> Expression:  # fmt: skip
    name = zero.known_dtype if zero is not None else ir.DataType(output_dtype or 2).numpy().name
    if name not in _LIMITS and name not in FLOAT8:
        raise Refusal(f"quantisation to {name} is not covered")
    work = ir.DataType(precision).numpy().name if precision else scale.known_dtype
    ratio = _as(x, work) / _as(_laid(scale, x, scale, axis, block_size), work, scale.known_dtype)
    if name in FLOAT8:
        return to_float8(ratio, name, saturate)
    rounded = _as(tf.round(ratio), "float32", work)
    if zero is not None:
        rounded = rounded + tf.cast(_laid(zero, x, scale, axis, block_size), tf.float32)
    low, high = _LIMITS[name]
    return tf.cast(tf.clip_by_value(rounded, float(low), float(high)), dtype(name))


def dequantize_linear(
    x: Value, scale: Value, zero: Value | None = None, *, axis: int = 1, block_size: int = 0,
    output_dtype: int = 0,
) -> Expression:  # fmt: skip
    origin = scale.known_dtype
    name = ir.DataType(output_dtype).numpy().name if output_dtype else origin
    value: Expression = tf.cast(x, tf.float32)
    if zero is not None:
        value = value - tf.cast(_laid(zero, x, scale, axis, block_size), tf.float32)
    result = value * _as(_laid(scale, x, scale, axis, block_size), "float32", origin)
    return _as(result, name, "float32")  # type: ignore[no-any-return]


def _laid(value: Value, x: Value, scale: Value, axis: int, block: int) -> Any:
    """`value`, which goes with the scales, laid out so that it broadcasts over x."""
    if scale.shape is None:
        raise Refusal("the rank of the scale is not known")
    if block:
        spread = tf.repeat(value, block, axis=axis)
        cut = (*[slice(None)] * (axis % x.known_rank), slice(None, axis_size(x, axis)))
        size = scale.dim(axis)
        return spread if size is not None and size * block == x.dim(axis) else spread[cut]
    if scale.shape == () or scale.shape == (1,):
        return value
    return tf.reshape(value, [-1 if i == axis % x.known_rank else 1 for i in range(x.known_rank)])


def _as(x: Any, to: str, origin: str | None = None) -> Any:
    return x if (origin or x.known_dtype) == to else tf.cast(x, dtype(to))
