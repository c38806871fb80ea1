"""Operators that act on each element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.theano.lowerings.common import (
    FLOATS,
    Lowering,
    T,
    number,
    to,
    together,
    told,
)

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value

_INFIX: dict[str, Callable[[Any, Any], Expression]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
    "&": lambda x, y: x & y,
    "|": lambda x, y: x | y,
}


def infix(sign: str) -> Lowering:
    def lowering(a: Value, b: Value) -> Expression:
        return _INFIX[sign](*together(a, b))

    return lowering


def binary(function: Symbol) -> Lowering:
    def lowering(a: Value, b: Value) -> Expression:
        return function(*together(a, b))

    return lowering


def variadic(function: Symbol) -> Lowering:
    """Two at a time."""

    def lowering(*xs: Value) -> Expression:
        first, *rest = together(*xs)
        for one in rest:
            first = function(first, one)
        return first

    return lowering


def total(*xs: Value) -> Expression:
    first, *rest = together(*xs)
    for one in rest:
        first = first + one
    return first


def mean(*xs: Value) -> Expression:
    return total(*xs) / number(len(xs), xs[0].known_dtype)


def div(a: Value, b: Value) -> Expression:
    """ONNX truncates integers toward zero, Theano rounds them down."""
    x, y = together(a, b)
    name = a.known_dtype
    if name in FLOATS:
        return x / y
    return x // y if name.startswith("uint") else Symbol("truncated_quotient")(x, y)


def mod(a: Value, b: Value, *, fmod: int = 0) -> Expression:
    """With `fmod` the result has the dividend's sign, else the divisor's."""
    x, y = together(a, b)
    return Symbol("remainder_of_dividend")(x, y) if fmod else x % y


def power(a: Value, b: Value) -> Expression:
    """The result has the dtype of the base."""
    base, exponent = a.known_dtype, b.known_dtype
    if base in FLOATS and b.constant is not None and b.constant.size == 1 and b.shape == ():
        plain = float(b.constant)
        if plain in (2.0, 0.5):
            return (T.sqr if plain == 2 else T.sqrt)(a)
        return T.pow(a, number(plain, base))
    x, y = together(a, b)
    if base in FLOATS:
        return T.pow(x, y if exponent == base else to(y, base))
    return to(T.pow(to(x, "float64"), to(y, "float64")), base)


def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Expression:
    if low is not None and high is not None and low.constant is not None:
        bounds = (low.constant, high.constant)
        if None not in bounds and float(bounds[0]) <= float(bounds[1]):  # type: ignore[arg-type]
            return T.clip(x, low, high)
    result: Expression = x
    if low is not None:
        result = T.maximum(result, low)
    return result if high is None else T.minimum(result, high)


def relu(x: Value) -> Expression:
    return T.maximum(x, number(0, x.known_dtype))  # T.nnet.relu makes NaN of minus infinity


def cast(x: Value, *, to: int, saturate: int = 1, round_mode: str = "up") -> Expression:
    return _cast(x, ir.DataType(to).numpy().name)


def cast_like(x: Value, like: Value, *, saturate: int = 1, round_mode: str = "up") -> Expression:
    return _cast(x, like.known_dtype)


def _cast(x: Value, name: str) -> Expression:
    if name == x.known_dtype:
        return x
    if x.known_dtype in FLOATS and name == "bool":
        return T.neq(x, number(0, x.known_dtype))
    if x.known_dtype in FLOATS and name in ("uint8", "uint16", "uint32", "int8", "int16"):
        return to(to(x, "int64"), name)  # what lies outside wraps
    return to(x, name)


def where(condition: Value, a: Value, b: Value) -> Expression:
    return T.switch(*together(condition, a, b))


def is_inf(x: Value, *, detect_negative: int = 1, detect_positive: int = 1) -> Expression:
    if detect_negative and detect_positive:
        return T.isinf(x)
    if not detect_negative and not detect_positive:
        return T.zeros_like(x, dtype="bool")
    return T.eq(x, number(np.inf if detect_positive else -np.inf, x.known_dtype))


def logical_not(x: Value) -> Expression:
    return ~x


def elu(x: Value, *, alpha: float = 1.0) -> Expression:
    name = x.known_dtype
    zero = number(0, name)
    return T.switch(x > zero, x, number(alpha, name) * T.expm1(T.minimum(x, zero)))


def celu(x: Value, *, alpha: float = 1.0) -> Expression:
    name = x.known_dtype
    zero, a = number(0, name), number(alpha, name)
    return T.maximum(x, zero) + T.minimum(a * T.expm1(x / a), zero)


def selu(
    x: Value, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
) -> Expression:
    return number(gamma, x.known_dtype) * elu(x, alpha=alpha)


def leaky_relu(x: Value, *, alpha: float = 0.01) -> Expression:
    return T.switch(x < number(0, x.known_dtype), number(alpha, x.known_dtype) * x, x)


def prelu(x: Value, slope: Value) -> Expression:
    laid = told(slope, x.shape)
    if x.shape is not None and slope.shape == (x.shape[1],) and x.shape[-1] != x.shape[1]:
        # Before opset 7 a vector stood for the channels; nothing else could be meant by it.
        laid = slope.method("dimshuffle", 0, *["x"] * (len(x.shape) - 2))
    return T.switch(x < number(0, x.known_dtype), laid * x, x)


def thresholded_relu(x: Value, *, alpha: float = 1.0) -> Expression:
    return T.switch(x > number(alpha, x.known_dtype), x, number(0, x.known_dtype))


def hard_sigmoid(x: Value, *, alpha: float = 0.2, beta: float = 0.5) -> Expression:
    name = x.known_dtype
    return T.clip(x * number(alpha, name) + number(beta, name), number(0, name), number(1, name))


def hard_swish(x: Value) -> Expression:
    return x * hard_sigmoid(x, alpha=1 / 6, beta=0.5)


def gelu(x: Value, *, approximate: str = "none") -> Expression:
    name = x.known_dtype
    half, one = number(0.5, name), number(1, name)
    if approximate == "tanh":
        inner = (x + number(0.044715, name) * x * T.sqr(x)) * number(np.sqrt(2 / np.pi), name)
        return half * x * (one + T.tanh(inner))
    return half * x * (one + T.erf(x * number(np.sqrt(0.5), name)))


def swish(x: Value, *, alpha: float = 1.0) -> Expression:
    return x * T.nnet.sigmoid(x if alpha == 1.0 else x * number(alpha, x.known_dtype))


def softplus(x: Value) -> Expression:
    """Without overflow, and with the digits of what is near zero."""
    return T.maximum(x, number(0, x.known_dtype)) + T.log1p(T.exp(-T.abs_(x)))


def softsign(x: Value) -> Expression:
    return x / (number(1, x.known_dtype) + T.abs_(x))


def mish(x: Value) -> Expression:
    return x * T.tanh(softplus(x))


def shrink(x: Value, *, bias: float = 0.0, lambd: float = 0.5) -> Expression:
    name = x.known_dtype
    wide = name if name in FLOATS else "float64"
    value: Expression = x if wide == name else to(x, wide)
    edge, shift, zero = number(lambd, wide), number(bias, wide), number(0, wide)
    inner = T.switch(value > edge, value - shift, zero)
    result = T.switch(value < -edge, value + shift, inner)
    return result if wide == name else to(result, name)


def round_(x: Value) -> Expression:
    return T.round(x, mode="half_to_even")


def bit_shift(a: Value, b: Value, *, direction: str) -> Expression:
    """Theano has no shifts: a product or quotient with a power of two."""
    name = a.known_dtype
    if name not in ("uint8", "uint16", "uint32"):
        raise Refusal(f"Theano has no shift of {name}")
    x, y = together(a, b)
    factor = to(T.pow(number(2, "float64"), to(y, "float64")), "int64")
    wide = to(x, "int64")
    if direction == "LEFT":
        return to(wide * factor % number(2 ** int(name[4:]), "int64"), name)
    return to(wide // factor, name)


def same(x: Value) -> Expression:
    return x


def dropout(
    x: Value, ratio: Value | None = None, training: Value | None = None, *, seed: int = 0
) -> Any:
    kept = ratio is not None and ratio.constant is not None and not ratio.constant.any()
    if training is None or kept or (training.constant is not None and not training.constant.any()):
        return x, T.ones_like(x, dtype="bool")
    raise Refusal("dropout in training mode")
