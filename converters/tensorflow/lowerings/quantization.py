"""Linear quantisation: one scale for a tensor, for each slice along an axis, or for each block."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.tensorflow.lowerings.common import FLOAT8, axis_size, dtype, tf
from interop.converters.tensorflow.lowerings.convolution import conv
from interop.converters.tensorflow.lowerings.elementwise import to_float8
from interop.converters.tensorflow.lowerings.matmul import matmul_integer

from interop.source.expression import ATOM, Expression
from interop.source.values import Constant, Refusal, Value

#: Least, largest, and the dtype that holds them: TensorFlow computes with none below eight bits.
_LIMITS = {
    **{name: (np.iinfo(name).min, np.iinfo(name).max, name) for name in ("int8", "int16")},
    **{name: (0, np.iinfo(name).max, name) for name in ("uint8", "uint16")},
    "int4": (-8, 7, "int8"), "uint4": (0, 15, "uint8"),
    "int2": (-2, 1, "int8"), "uint2": (0, 3, "uint8"),
}  # fmt: skip


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
    low, high, held = _LIMITS[name]
    return tf.cast(tf.clip_by_value(rounded, float(low), float(high)), dtype(held))


def dequantize_linear(
    x: Value, scale: Value, zero: Value | None = None, *, axis: int = 1, block_size: int = 0,
    output_dtype: int = 0,
) -> Expression:  # fmt: skip
    origin = scale.known_dtype
    name = ir.DataType(output_dtype).numpy().name if output_dtype else origin
    value: Expression = tf.cast(_held(x), tf.float32)
    if zero is not None:
        value = value - tf.cast(_laid(zero, x, scale, axis, block_size), tf.float32)
    result = value * _as(_laid(scale, x, scale, axis, block_size), "float32", origin)
    return _as(result, name, "float32")  # type: ignore[no-any-return]


def _held(value: Value) -> Value:
    """A constant of fewer than eight bits in a dtype that TensorFlow computes with."""
    if isinstance(value, Constant) and value.dtype in _LIMITS:
        name = _LIMITS[value.dtype][-1]
        if name != value.dtype:
            return value.derived(name, value.constant.astype(name))
    return value


def _laid(value: Value, x: Value, scale: Value, axis: int, block: int) -> Any:
    """`value`, which goes with the scales, laid out so that it broadcasts over x."""
    value = _held(value)
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


def conv_integer(
    x: Value, w: Value, x_zero: Value | None = None, w_zero: Value | None = None,
    **attributes: Any,
) -> Expression:  # fmt: skip
    """Channels last. In floating point, where every sum is a whole number and exact."""
    result = conv(*_centred_pair(x, x_zero, w, w_zero), **attributes)
    return tf.cast(result, tf.int32)


def qlinear_conv(
    x: Value, x_scale: Value, x_zero: Value, w: Value, w_scale: Value, w_zero: Value,
    y_scale: Value, y_zero: Value, b: Value | None = None, **attributes: Any,
) -> Expression:  # fmt: skip
    """Channels last."""
    data, weights = _centred_pair(x, x_zero, w, w_zero)
    result = _as(conv(data, weights, **attributes), "float64", data.dtype)
    if b is not None:
        result = result + tf.cast(b, tf.float64)
    return _requantized(result, (x_scale, w_scale), y_scale, y_zero)


def qlinear_matmul(
    a: Value, a_scale: Value, a_zero: Value, b: Value, b_scale: Value, b_zero: Value,
    y_scale: Value, y_zero: Value,
) -> Expression:  # fmt: skip
    product = tf.cast(matmul_integer(a, b, a_zero, b_zero), tf.float64)
    rows: Any = tf.expand_dims(a_scale, -1) if len(a_scale.shape or ()) == 1 else a_scale
    return _requantized(product, (rows, b_scale), y_scale, y_zero)


def _requantized(
    total: Expression, scales: tuple[Any, Any], y_scale: Value, y_zero: Value
) -> Expression:
    limits = np.iinfo(y_zero.known_dtype)
    first, second = (tf.cast(scale, tf.float64) for scale in scales)
    scaled = tf.round(total * (first * second / tf.cast(y_scale, tf.float64)))
    shifted = scaled + tf.cast(y_zero, tf.float64)
    clipped = tf.clip_by_value(shifted, float(limits.min), float(limits.max))
    return tf.cast(clipped, dtype(y_zero.known_dtype))


def _centred_pair(
    x: Value, x_zero: Value | None, w: Value, w_zero: Value | None
) -> tuple[Value, Value]:
    """Both without their zero points, in a dtype in which the sums of their products are exact.

    The zero points of w may go by output channel.
    """
    shape = None
    if w_zero is not None and w_zero.shape not in ((), (1,)):
        shape = [-1, *[1] * (w.known_rank - 1)]
    weights = _centred(w, w_zero, shape, "float64")
    name = "float64"
    if isinstance(weights, Constant):
        largest = np.abs(weights.constant).reshape(len(weights.constant), -1).sum(axis=1).max()
        if 255 * largest < 1 << 24:  # as far as float32 counts
            name = "float32"
            weights = w.derived("centred", weights.constant.astype(name))  # type: ignore[attr-defined]
    return _centred(x, x_zero, None, name), weights


def _centred(x: Value, zero: Value | None, shape: list[int] | None, name: str) -> Value:
    if isinstance(x, Constant) and (zero is None or zero.constant is not None):
        array = x.constant.astype(name)
        if zero is not None:
            point = zero.required("zero point").astype(name)
            array = array - (point if shape is None else point.reshape(shape))
        return x.derived("centred", array)
    wide = tf.cast(x, dtype(name))
    if zero is not None:
        point = tf.cast(zero, dtype(name))
        wide = wide - (point if shape is None else tf.reshape(point, shape))
    return Value(x.name, name, x.shape, lambda: wide.within(ATOM))
