"""Operators that act on each element."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tensorflow.lowerings.common import (
    FLOAT8,
    INTEGERS,
    Lowering,
    dtype,
    number,
    tf,
)

from interop.source.expression import Expression, Symbol
from interop.source.values import Value


def abs_(x: Value) -> Expression:
    return tf.identity(x) if x.known_dtype.startswith("uint") else tf.abs(x)


def sign(x: Value) -> Expression:
    return tf.minimum(x, 1) if x.known_dtype.startswith("uint") else tf.sign(x)


def operands(a: Value, b: Value) -> tuple[Any, Any]:
    """Both, with a scalar constant as a plain number where the other gives it its dtype."""
    return number(a, b), number(b, a)


def arguments(a: Value, b: Value) -> tuple[Any, Any]:
    """The operands of a function, which reads the dtype of a first plain number off the number."""
    x, y = operands(a, b)
    return (x if a.dtype in ("float32", "int32", "bool") else a), y


def infix(sign: str) -> Lowering:
    def lowering(a: Value, b: Value) -> Expression:
        x, y = operands(a, b)
        return {"+": lambda: x + y, "-": lambda: x - y, "*": lambda: x * y}[sign]()

    return lowering


def comparison(function: Symbol) -> Lowering:
    def lowering(a: Value, b: Value) -> Expression:
        return function(*arguments(a, b))

    return lowering


def folded(function: Symbol) -> Lowering:
    """A binary function over one or more inputs (Max, Min, Sum)."""

    def lowering(first: Value, *rest: Value) -> Expression:
        result: Expression = first
        for value in rest:
            result = function(result, value)
        return result

    return lowering


def div(a: Value, b: Value) -> Expression:
    if a.known_dtype in INTEGERS:  # ONNX truncates toward zero
        return tf.truncatediv(*arguments(a, b))
    x, y = operands(a, b)
    return x / y


def mod(a: Value, b: Value, *, fmod: int = 0) -> Expression:
    if not fmod or (a.known_dtype.startswith("uint")):
        return tf.math.floormod(a, b)
    if a.known_dtype in ("int8", "int16", "float16", "bfloat16"):
        return Symbol("truncated_mod")(a, b)
    return tf.truncatemod(a, b)  # the sign of the dividend


def power(a: Value, b: Value) -> Expression:
    exponent = number(b, a)
    if isinstance(exponent, np.generic) and a.known_dtype not in INTEGERS:
        if exponent == 2:
            return tf.square(a)
        if exponent == 0.5:
            return tf.sqrt(a)
        return tf.pow(a, float(exponent))
    if a.dtype == b.dtype:
        return tf.pow(a, b)
    return tf.cast(tf.pow(tf.cast(a, tf.float64), tf.cast(b, tf.float64)), dtype(a.known_dtype))


def mean(first: Value, *rest: Value) -> Expression:
    total: Expression = first
    for value in rest:
        total = total + value
    return total / (1 + len(rest))


def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Expression:
    if low is not None and high is not None:
        lower, upper = number(low, x), number(high, x)
        if (
            isinstance(lower, np.generic)
            and isinstance(upper, np.generic)
            and lower == 0
            and upper == 6
        ):
            return tf.nn.relu6(x)
        # tf.clip_by_value refuses low > high; ONNX says min(max(x, low), high).
        return tf.minimum(tf.maximum(x, lower), upper)
    if low is not None:
        return tf.maximum(x, number(low, x))
    if high is not None:
        return tf.minimum(x, number(high, x))
    return tf.identity(x)


def cast(x: Value, *, to: int, saturate: int = 1, round_mode: str = "up") -> Expression:
    import onnx_ir as ir

    name = ir.DataType(to).numpy().name
    if name == x.dtype:
        return tf.identity(x)
    if name == "bool":
        return tf.not_equal(x, 0)
    if name in FLOAT8:
        return to_float8(x, name, saturate)
    return tf.cast(x, dtype(name))


def to_float8(x: Any, name: str, saturate: int) -> Expression:
    """TensorFlow's cast does not saturate."""
    limited = tf.clip_by_value(x, -FLOAT8[name], FLOAT8[name]) if saturate else x
    return tf.cast(limited, dtype(name))


def bit_cast(x: Value, *, to: int) -> Expression:
    import onnx_ir as ir

    name = ir.DataType(to).numpy().name
    source: Any = tf.cast(x, tf.uint8) if x.dtype == "bool" else x
    if name == "bool":
        return tf.not_equal(tf.bitcast(source, tf.uint8), 0)
    return tf.bitcast(source, dtype(name))


def cast_like(x: Value, like: Value, *, saturate: int = 1, round_mode: str = "up") -> Expression:
    if like.known_dtype == "bool":
        return tf.not_equal(x, 0)
    if like.known_dtype in FLOAT8:
        return to_float8(x, like.known_dtype, saturate)
    return tf.cast(x, dtype(like.known_dtype))


def where(condition: Value, a: Value, b: Value) -> Expression:
    return tf.where(condition, *arguments(a, b))


def elu(x: Value, *, alpha: float = 1.0) -> Expression:
    if alpha == 1.0:
        return tf.nn.elu(x)
    return tf.where(x > 0, x, alpha * tf.math.expm1(tf.minimum(x, 0)))


def celu(x: Value, *, alpha: float = 1.0) -> Expression:
    return tf.maximum(x, 0) + tf.minimum(alpha * tf.math.expm1(tf.minimum(x, 0) / alpha), 0)


def selu(
    x: Value, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
) -> Expression:
    return gamma * tf.where(x > 0, x, alpha * tf.math.expm1(tf.minimum(x, 0)))


def leaky_relu(x: Value, *, alpha: float = 0.01) -> Expression:
    return tf.nn.leaky_relu(x, alpha=alpha)


def prelu(x: Value, slope: Value) -> Expression:
    rank, size = len(x.shape or ()), slope.dim(0) if slope.shape else None
    if rank > 2 and slope.shape == (x.dim(1),) and size not in (1, x.dim(-1)):
        # Opset 6: one slope a channel, which opset 7 spells [channels, 1, 1].
        slope = tf.reshape(slope, [size, *[1] * (rank - 2)])  # type: ignore[assignment]
    return tf.where(x < 0, slope * x, x)


def thresholded_relu(x: Value, *, alpha: float = 1.0) -> Expression:
    return tf.where(x > alpha, x, tf.zeros_like(x))


def hard_sigmoid(x: Value, *, alpha: float = 0.2, beta: float = 0.5) -> Expression:
    return tf.clip_by_value(x * alpha + beta, 0.0, 1.0)


def hard_swish(x: Value) -> Expression:
    return x * tf.clip_by_value(x * (1 / 6) + 0.5, 0.0, 1.0)


def gelu(x: Value, *, approximate: str = "none") -> Expression:
    return tf.nn.gelu(x, approximate=approximate == "tanh")


def swish(x: Value, *, alpha: float = 1.0) -> Expression:
    return tf.nn.silu(x, beta=alpha) if alpha != 1.0 else tf.nn.silu(x)


def mish(x: Value) -> Expression:
    return x * tf.tanh(tf.nn.softplus(x))


def shrink(x: Value, *, bias: float = 0.0, lambd: float = 0.5) -> Expression:
    if x.known_dtype in INTEGERS:
        wide = Value(x.name, "float64", x.shape, lambda: tf.cast(x, tf.float64).text)
        return tf.cast(shrink(wide, bias=bias, lambd=lambd), dtype(x.known_dtype))
    return tf.where(x < -lambd, x + bias, tf.where(x > lambd, x - bias, tf.zeros_like(x)))


def round_(x: Value) -> Expression:
    return tf.round(x)  # half to even, as ONNX


def is_inf(x: Value, *, detect_negative: int = 1, detect_positive: int = 1) -> Expression:
    if detect_negative and detect_positive:
        return tf.math.is_inf(x)
    if not detect_negative and not detect_positive:
        return tf.zeros_like(x, dtype=tf.bool)
    return tf.math.is_inf(x) & ((x > 0) if detect_positive else (x < 0))


def bit_shift(a: Value, b: Value, *, direction: str) -> Expression:
    left = direction == "LEFT"
    width = 8 * np.dtype(a.known_dtype).itemsize
    if b.constant is None or not ((b.constant >= 0) & (b.constant < width)).all():
        return Symbol("bit_shift")(a, b, left)
    return (tf.bitwise.left_shift if left else tf.bitwise.right_shift)(a, b)


def reciprocal(x: Value) -> Expression:
    return 1 / x


def softsign(x: Value) -> Expression:
    return tf.nn.softsign(x)
