"""Operators that act on each element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.jax.lowerings.common import (
    FLOATS,
    FLOATS8,
    SMALL,
    Lowering,
    dtype,
    jax,
    jnp,
    to,
)
from interop.converters.jax.lowerings.common import to as to_

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
        x, y = (a, number(b, a)) if sign in "<=>=" else operands(a, b)
        return _INFIX[sign](x, y)

    return lowering


def equal(a: Value, b: Value) -> Expression:
    return jnp.equal(a, number(b, a))


def largest(*values: Value) -> Expression:
    return _folded(jnp.maximum, values)


def smallest(*values: Value) -> Expression:
    return _folded(jnp.minimum, values)


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
    if a.known_dtype not in FLOATS:  # ONNX truncates toward zero
        if a.known_dtype.startswith("uint"):
            return a // number(b, a)
        return Symbol("truncated_quotient")(a, b)
    x, y = operands(a, b)
    return x / y


def mod(a: Value, b: Value, *, fmod: int = 0) -> Expression:
    """With `fmod` the result has the dividend's sign, else the divisor's."""
    return (jnp.fmod if fmod else jnp.remainder)(a, number(b, a))


def power(a: Value, b: Value) -> Expression:
    """The result has the dtype of the base."""
    base, exponent = a.known_dtype, b.known_dtype
    if base in FLOATS:
        value = number(b, a)
        if isinstance(value, np.generic):
            plain = float(value)
            return jnp.square(a) if plain == 2 else jnp.power(a, plain)
        return jnp.power(a, b if exponent == base else to(b, base))
    if base == exponent:
        return jnp.power(a, b)
    return to(jnp.power(to(a, "float64"), to(b, "float64")), base)


def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Expression:
    given = {"min": low, "max": high}
    limits = {name: number(v, x) for name, v in given.items() if v is not None}
    if not limits:
        return x
    if list(limits.values()) == [0, 6] and x.known_dtype in FLOATS:
        return jax.nn.relu6(x)
    return jnp.clip(x, **limits)


def relu(x: Value) -> Expression:
    return jax.nn.relu(x)


def cast(x: Value, *, to: int, saturate: int = 1, round_mode: str = "up") -> Expression:
    return _cast(x, ir.DataType(to).numpy().name, bool(saturate))


def cast_like(x: Value, like: Value, *, saturate: int = 1, round_mode: str = "up") -> Expression:
    return _cast(x, like.known_dtype, bool(saturate))


def _cast(x: Value, name: str, saturate: bool) -> Expression:
    if name == x.known_dtype:
        return x
    plain = {"bool", *FLOATS, *(f"{s}int{n}" for s in ("", "u") for n in (8, 16, 32, 64))}
    for one in (name, x.known_dtype):
        if one not in plain | FLOATS8 | SMALL.keys():
            raise Refusal(f"there is no {one} here")
    if name in FLOATS8:
        return Symbol("to_float8")(x, dtype(name), saturate)
    if name in SMALL and "int" in name and x.known_dtype in FLOATS | FLOATS8:
        return to_(to_(x, "int32"), name)  # beyond the range wraps
    if x.known_dtype in FLOATS | FLOATS8 and name.startswith("uint"):
        wide = "int32" if name in ("uint8", "uint16") else "int64"
        return to_(to_(x, wide), name)  # below zero wraps
    return to_(x, name)


def where(condition: Value, a: Value, b: Value) -> Expression:
    return jnp.where(condition, *operands(a, b))


def elu(x: Value, *, alpha: float = 1.0) -> Expression:
    return jax.nn.elu(x) if alpha == 1.0 else jax.nn.elu(x, alpha)


def celu(x: Value, *, alpha: float = 1.0) -> Expression:
    return jax.nn.celu(x, alpha)


_SELU = (1.67326319217681884765625, 1.05070102214813232421875)


def selu(x: Value, *, alpha: float = _SELU[0], gamma: float = _SELU[1]) -> Expression:
    if np.allclose((alpha, gamma), _SELU, rtol=1e-7, atol=0):
        return jax.nn.selu(x)
    return gamma * jax.nn.elu(x, alpha)


def leaky_relu(x: Value, *, alpha: float = 0.01) -> Expression:
    return jax.nn.leaky_relu(x, alpha)


def prelu(x: Value, slope: Value) -> Expression:
    laid: Expression = slope
    if x.shape is not None and slope.shape == (x.shape[1],) and x.shape[-1] != x.shape[1]:
        # Before opset 7 a vector stood for the channels; nothing else could be meant by it.
        laid = slope.method("reshape", -1, *[1] * (len(x.shape) - 2))
    return jnp.where(x < 0, laid * x, x)


def thresholded_relu(x: Value, *, alpha: float = 1.0) -> Expression:
    return jnp.where(x > alpha, x, 0)


def hard_sigmoid(x: Value, *, alpha: float = 0.2, beta: float = 0.5) -> Expression:
    if np.float32(alpha) == np.float32(1 / 6) and beta == 0.5:
        return jax.nn.hard_sigmoid(x)
    return jnp.clip(x * alpha + beta, 0, 1)


def gelu(x: Value, *, approximate: str = "none") -> Expression:
    return jax.nn.gelu(x, approximate=approximate == "tanh")


def swish(x: Value, *, alpha: float = 1.0) -> Expression:
    return jax.nn.silu(x) if alpha == 1.0 else x * jax.nn.sigmoid(x * alpha)


def shrink(x: Value, *, bias: float = 0.0, lambd: float = 0.5) -> Expression:
    floating = x.known_dtype in FLOATS
    wide: Expression = x if floating else to(x, "float64")  # whole numbers keep all their digits
    result = jnp.where(x < -lambd, wide + bias, jnp.where(x > lambd, wide - bias, 0))
    return result if floating else to(result, x.known_dtype)


def is_inf(x: Value, *, detect_negative: int = 1, detect_positive: int = 1) -> Expression:
    if detect_negative and detect_positive:
        return jnp.isinf(x)
    if not detect_negative and not detect_positive:
        return jnp.zeros_like(x, dtype=dtype("bool"))
    return jnp.isposinf(x) if detect_positive else jnp.isneginf(x)


def bit_shift(a: Value, b: Value, *, direction: str) -> Expression:
    return (jnp.left_shift if direction == "LEFT" else jnp.right_shift)(a, b)


def quantize_linear(
    x: Value, scale: Value, zero: Value | None = None, *, axis: int = 1, saturate: int = 1,
    block_size: int = 0, output_dtype: int = 0, precision: int = 0,
) -> Expression:  # fmt: skip
    name = zero.known_dtype if zero is not None else ir.DataType(output_dtype or 2).numpy().name
    if precision or name not in {"int8", "uint8", "int16", "uint16", *FLOATS8}:
        raise Refusal(f"quantisation to {name}")
    if name in FLOATS8:  # whose zero point is zero
        scaled = to(x, "float32") / _laid(x, scale, axis, block_size)
        return Symbol("to_float8")(scaled, dtype(name), bool(saturate))
    limits = np.iinfo(name)
    rounded = jnp.round(
        (x if x.known_dtype in FLOATS else to(x, "float32")) / _laid(x, scale, axis, block_size)
    )
    if zero is not None and not (zero.constant is not None and not zero.constant.any()):
        rounded = rounded + to(_laid(x, zero, axis, block_size), "int32")
    return to(jnp.clip(rounded, int(limits.min), int(limits.max)), name)


def dequantize_linear(
    x: Value, scale: Value, zero: Value | None = None, *, axis: int = 1, block_size: int = 0,
    output_dtype: int = 0,
) -> Expression:  # fmt: skip
    name = scale.known_dtype
    if output_dtype and ir.DataType(output_dtype).numpy().name != name:
        raise Refusal("dequantisation to another dtype than the scale's")
    if x.known_dtype not in {"int8", "uint8", "int16", "uint16", "int32", *FLOATS8}:
        raise Refusal(f"there is no {x.known_dtype} here")
    value: Expression = to(x, name)
    if zero is not None and not (zero.constant is not None and not zero.constant.any()):
        value = value - to(_laid(x, zero, axis, block_size), name)
    return value * _laid(x, scale, axis, block_size)


def _laid(x: Value, vector: Value, axis: int, block: int = 0) -> Expression:
    """A vector along `axis` of x, each entry of a block repeated; a scalar as it is."""
    if block:
        spread = jnp.repeat(vector, block, axis=axis)
        return jax.lax.slice_in_dim(spread, 0, x.size(axis), axis=axis)
    if vector.known_rank == 0 or (vector.shape == (1,) and x.known_rank > 0):
        return vector
    after = x.known_rank - 1 - axis % x.known_rank
    return vector.method("reshape", -1, *[1] * after) if after else vector
