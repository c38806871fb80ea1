"""Operators that act on each element."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from interop.converters.keras.lowerings.common import (
    INTEGERS,
    Lowering,
    call,
    cast,
    layers,
    number,
    operands,
    ops,
)

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value

#: What Keras computes in; others are cast by its own rules, away from ONNX's.
_DTYPES = INTEGERS | {"float16", "bfloat16", "float32", "float64", "bool"}


def binary(function: Symbol, merge: str = "") -> Lowering:
    """`function`, or the stock layer `merge` for two float tensors of one shape."""

    def lowering(a: Value, b: Value) -> Expression:
        shape = a.shape
        alike = shape is not None and shape == b.shape and len(shape) > 1 and None not in shape[1:]
        computed = a.constant is None and b.constant is None
        if merge and alike and computed and a.dtype == "float32":
            return call(getattr(layers, merge)(), [a, b])
        return function(*operands(a, b))

    return lowering


def folded(function: Symbol) -> Lowering:
    def lowering(first: Value, *rest: Value) -> Expression:
        result: Expression = first
        for value in rest:
            result = function(result, value)
        return ops.copy(first) if not rest else result

    return lowering


def mean(first: Value, *rest: Value) -> Expression:
    total: Expression = first
    for value in rest:
        total = ops.add(total, value)
    return ops.divide(total, 1 + len(rest))


def div(a: Value, b: Value) -> Expression:
    if a.known_dtype not in INTEGERS:
        return ops.divide(*operands(a, b))
    if a.known_dtype.startswith("uint"):
        return ops.floor_divide(*operands(a, b))
    return Symbol("truncated_divide")(a, b)


def mod(a: Value, b: Value, *, fmod: int = 0) -> Expression:
    if not fmod or a.known_dtype.startswith("uint"):
        return ops.mod(a, b)
    return ops.multiply(ops.sign(a), ops.mod(ops.abs(a), ops.abs(b)))


def power(a: Value, b: Value) -> Expression:
    exponent = number(b, a)
    if not isinstance(exponent, Expression) and a.known_dtype.startswith("float"):
        if exponent == 2:
            return ops.square(a)
        return ops.sqrt(a) if exponent == 0.5 else ops.power(a, float(exponent))
    if a.dtype == b.dtype and a.known_dtype.startswith("float"):
        return ops.power(a, b)
    wide = ops.power(cast(a, "float64"), cast(b, "float64"))
    return cast(wide, a.known_dtype)


def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Expression:
    result: Expression = x
    lower = None if low is None else number(low, x)
    upper = None if high is None else number(high, x)
    if x.dtype == "float32" and lower == 0 and upper == 6:
        return call(layers.Activation("relu6"), x)
    if lower is not None:
        result = ops.maximum(result, lower)
    if upper is not None:
        result = ops.minimum(result, upper)
    return ops.copy(x) if result is x else result


def _cast(x: Value, name: str) -> Expression:
    if name not in _DTYPES:
        raise Refusal(f"Keras has no {name}")
    if name == x.dtype:
        return ops.copy(x)
    return ops.not_equal(x, 0) if name == "bool" else cast(x, name)


def cast_(x: Value, *, to: int, saturate: int = 1, round_mode: str = "up") -> Expression:
    return _cast(x, ir.DataType(to).numpy().name)


def cast_like(x: Value, like: Value, *, saturate: int = 1, round_mode: str = "up") -> Expression:
    return _cast(x, like.known_dtype)


def where(condition: Value, a: Value, b: Value) -> Expression:
    return ops.where(condition, *operands(a, b))


def elu(x: Value, *, alpha: float = 1.0) -> Expression:
    return ops.elu(x) if alpha == 1.0 else ops.elu(x, alpha=alpha)


def celu(x: Value, *, alpha: float = 1.0) -> Expression:
    return ops.celu(x, alpha=alpha)


def selu(
    x: Value, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
) -> Expression:
    return ops.multiply(ops.elu(x, alpha=alpha), gamma)


def leaky_relu(x: Value, *, alpha: float = 0.01) -> Expression:
    return ops.leaky_relu(x, negative_slope=alpha)


def prelu(x: Value, slope: Value) -> Expression:
    return ops.where(ops.less(x, 0), ops.multiply(slope, x), x)


def thresholded_relu(x: Value, *, alpha: float = 1.0) -> Expression:
    return ops.where(ops.greater(x, alpha), x, ops.zeros_like(x))


def hard_sigmoid(x: Value, *, alpha: float = 0.2, beta: float = 0.5) -> Expression:
    return ops.clip(ops.add(ops.multiply(x, alpha), beta), 0.0, 1.0)


def hard_swish(x: Value) -> Expression:
    return ops.multiply(x, ops.clip(ops.add(ops.multiply(x, 1 / 6), 0.5), 0.0, 1.0))


def gelu(x: Value, *, approximate: str = "none") -> Expression:
    return ops.gelu(x, approximate=approximate == "tanh")


def swish(x: Value, *, alpha: float = 1.0) -> Expression:
    if alpha == 1.0:
        return ops.silu(x)
    return ops.multiply(x, ops.sigmoid(ops.multiply(x, alpha)))


def mish(x: Value) -> Expression:
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


def shrink(x: Value, *, bias: float = 0.0, lambd: float = 0.5) -> Expression:
    zero: Any = ops.zeros_like(x)
    upper = ops.where(ops.greater(x, lambd), ops.subtract(x, bias), zero)
    return ops.where(ops.less(x, -lambd), ops.add(x, bias), upper)


def is_inf(x: Value, *, detect_negative: int = 1, detect_positive: int = 1) -> Expression:
    if detect_negative and detect_positive:
        return ops.isinf(x)
    if not detect_negative and not detect_positive:
        return ops.zeros_like(x, dtype="bool")
    side = ops.greater(x, 0) if detect_positive else ops.less(x, 0)
    return ops.logical_and(ops.isinf(x), side)


def bit_shift(a: Value, b: Value, *, direction: str) -> Expression:
    return (ops.left_shift if direction == "LEFT" else ops.right_shift)(a, b)


def sign(x: Value) -> Expression:
    return ops.minimum(x, 1) if x.known_dtype.startswith("uint") else ops.sign(x)


def abs_(x: Value) -> Expression:
    return ops.copy(x) if x.known_dtype.startswith("uint") else ops.abs(x)


def reciprocal(x: Value) -> Expression:
    return ops.reciprocal(x)
