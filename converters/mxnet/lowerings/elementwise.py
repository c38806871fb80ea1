"""Operators that act on each element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import onnx_ir as ir
from interop.converters.mxnet.lowerings.common import FLOATS, Lowering, dtype, mnp, npx
from interop.converters.mxnet.lowerings.common import to as to_

from interop.source.expression import Expression, Symbol
from interop.source.operands import number, operands
from interop.source.values import Refusal, Value

_INFIX: dict[str, Callable[[Any, Any], Expression]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}


def infix(sign: str) -> Lowering:
    def lowering(a: Value, b: Value) -> Expression:
        # What MXNet subtracts integers from a number as is float64.
        first = sign in "<=>=" or (sign == "-" and a.known_dtype not in FLOATS)
        x, y = (a, number(b, a)) if first else operands(a, b)
        return _INFIX[sign](x, y)

    return lowering


def logical(function: Symbol) -> Lowering:
    """The operator of booleans is this function of 0 and 1: MXNet broadcasts no booleans."""

    def lowering(a: Value, b: Value) -> Expression:
        return to_(function(to_(a, "uint8"), to_(b, "uint8")), "bool")

    return lowering


def bitwise(function: Symbol) -> Lowering:
    def lowering(a: Value, b: Value) -> Expression:
        return function(a, b)

    return lowering


def equal(a: Value, b: Value) -> Expression:
    if a.known_dtype == "bool":
        return mnp.equal(to_(a, "uint8"), to_(b, "uint8"))
    return mnp.equal(a, number(b, a))


def largest(*values: Value) -> Expression:
    return _folded(mnp.maximum, values)


def smallest(*values: Value) -> Expression:
    return _folded(mnp.minimum, values)


def _folded(function: Symbol, values: tuple[Value, ...]) -> Expression:
    if len(values) == 2:
        return function(*operands(*values))
    result: Expression = values[0]
    for value in values[1:]:
        result = function(result, value)
    return result


def total(first: Value, *rest: Value) -> Expression:
    result: Expression = first
    for value in rest:
        result = result + value
    return result


def mean(*values: Value) -> Expression:
    return total(*values) / len(values)


def div(a: Value, b: Value) -> Expression:
    """ONNX truncates integers toward zero; MXNet divides them in float32 unless told."""
    if a.known_dtype not in FLOATS:
        quotient = to_(a, "float64") / to_(b, "float64")
        return to_(mnp.trunc(quotient), a.known_dtype)
    x, y = operands(a, b)
    return x / y


def mod(a: Value, b: Value, *, fmod: int = 0) -> Expression:
    """With `fmod` the result has the dividend's sign, else the divisor's."""
    if not fmod:
        return mnp.mod(a, number(b, a))
    return mnp.sign(a) * mnp.mod(mnp.abs(a), mnp.abs(b))


def power(a: Value, b: Value) -> Expression:
    """The result has the dtype of the base."""
    base, exponent = a.known_dtype, b.known_dtype
    if base in FLOATS:
        value = number(b, a)
        if isinstance(value, numpy.generic):
            plain = float(value)
            if plain == 2:
                return mnp.square(a)
            return mnp.sqrt(a) if plain == 0.5 else mnp.power(a, plain)
        return mnp.power(a, b if exponent == base else to_(b, base))
    return to_(mnp.power(to_(a, "float64"), to_(b, "float64")), base)


def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Expression:
    ends = [None if v is None else number(v, x) for v in (low, high)]
    if ends == [None, None]:
        return x
    numbers = [float(end) for end in ends if end is not None and not isinstance(end, Expression)]
    if len(numbers) == 2 and numbers[0] <= numbers[1] and x.known_dtype in FLOATS:
        return mnp.clip(x, *numbers)
    result: Expression = x
    if ends[0] is not None:
        result = mnp.maximum(result, ends[0])
    return result if ends[1] is None else mnp.minimum(result, ends[1])


def relu(x: Value) -> Expression:
    return npx.relu(x) if x.known_dtype in FLOATS else mnp.maximum(x, 0)


def cast(x: Value, *, to: int, saturate: int = 1, round_mode: str = "up") -> Expression:
    return _cast(x, ir.DataType(to).numpy().name)


def cast_like(x: Value, like: Value, *, saturate: int = 1, round_mode: str = "up") -> Expression:
    return _cast(x, like.known_dtype)


def _cast(x: Value, name: str) -> Expression:
    dtype(x.known_dtype)
    if name == x.known_dtype:
        return x
    if x.known_dtype in FLOATS and name in ("uint8", "int8"):
        return to_(to_(x, "int32"), name)  # what lies outside wraps
    return to_(x, name)


def round_(x: Value) -> Expression:
    if x.known_dtype != "float32":
        return to_(Symbol("round_to_even")(to_(x, "float32")), x.known_dtype)
    return Symbol("round_to_even")(x)


def where(condition: Value, a: Value, b: Value) -> Expression:
    return mnp.where(condition, *operands(a, b))


def logical_not(x: Value) -> Expression:
    return mnp.logical_not(x)


def is_nan(x: Value) -> Expression:
    return mnp.isnan(x)


def elu(x: Value, *, alpha: float = 1.0) -> Expression:
    return npx.leaky_relu(x, act_type="elu", slope=alpha)


def celu(x: Value, *, alpha: float = 1.0) -> Expression:
    return mnp.maximum(x, 0.0) + mnp.minimum(alpha * mnp.expm1(x / alpha), 0.0)


def selu(
    x: Value, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
) -> Expression:
    return gamma * npx.leaky_relu(x, act_type="elu", slope=alpha)


def leaky_relu(x: Value, *, alpha: float = 0.01) -> Expression:
    return npx.leaky_relu(x, act_type="leaky", slope=alpha)


def prelu(x: Value, slope: Value) -> Expression:
    laid: Expression = slope
    if x.shape is not None and slope.shape == (x.shape[1],) and x.shape[-1] != x.shape[1]:
        # Before opset 7 a vector stood for the channels; nothing else could be meant by it.
        laid = mnp.reshape(slope, (-1, *[1] * (len(x.shape) - 2)))
    return mnp.where(x < 0, laid * x, x)


def thresholded_relu(x: Value, *, alpha: float = 1.0) -> Expression:
    return mnp.where(x > alpha, x, 0.0)


def hard_sigmoid(x: Value, *, alpha: float = 0.2, beta: float = 0.5) -> Expression:
    return mnp.clip(x * alpha + beta, 0.0, 1.0)


def hard_swish(x: Value) -> Expression:
    return x * mnp.clip(x * (1 / 6) + 0.5, 0.0, 1.0)


def gelu(x: Value, *, approximate: str = "none") -> Expression:
    if approximate == "tanh":
        inner = (x + 0.044715 * x * mnp.square(x)) * float(numpy.sqrt(2 / numpy.pi))
        return 0.5 * x * (1.0 + mnp.tanh(inner))
    return npx.leaky_relu(x, act_type="gelu")


def swish(x: Value, *, alpha: float = 1.0) -> Expression:
    return x * npx.sigmoid(x if alpha == 1.0 else x * alpha)


def softplus(x: Value) -> Expression:
    """Without overflow; MXNet's own is zero below about -17."""
    return mnp.maximum(x, 0.0) + mnp.log1p(mnp.exp(-mnp.abs(x)))


def softsign(x: Value) -> Expression:
    return x / (1.0 + mnp.abs(x))


def mish(x: Value) -> Expression:
    return x * mnp.tanh(softplus(x))


def shrink(x: Value, *, bias: float = 0.0, lambd: float = 0.5) -> Expression:
    value: Expression = x if x.known_dtype in FLOATS else to_(x, "float32")
    inner = mnp.where(value > lambd, value - bias, 0.0)
    result = mnp.where(value < -lambd, value + bias, inner)
    return result if x.known_dtype in FLOATS else to_(result, x.known_dtype)


def is_inf(x: Value, *, detect_negative: int = 1, detect_positive: int = 1) -> Expression:
    if detect_negative and detect_positive:
        return mnp.isinf(x)
    if not detect_negative and not detect_positive:
        return to_(mnp.zeros_like(x), "bool")
    return mnp.isposinf(x) if detect_positive else mnp.isneginf(x)


def bit_shift(a: Value, b: Value, *, direction: str) -> Expression:
    """MXNet has no shifts: a product or quotient with a power of two, in float64, which holds 2⁵³."""
    if a.known_dtype not in ("uint8", "int8", "int32"):
        raise Refusal(f"MXNet has no shift of {a.known_dtype}")
    factor = mnp.power(2.0, to_(b, "float64"))
    wide = to_(a, "float64")
    if direction == "LEFT":
        bits = {"uint8": 8, "int8": 8, "int32": 32}[a.known_dtype]
        return to_(to_(mnp.mod(wide * factor, float(2**bits)), "int64"), a.known_dtype)
    return to_(mnp.floor(wide / factor), a.known_dtype)
