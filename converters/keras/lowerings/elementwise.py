"""Operators that act on each element."""

from __future__ import annotations

from typing import Any

import numpy as np
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


def plainly_added(a: Value, b: Value) -> bool:
    """Whether `ops.add` does what it says.

    On TensorFlow, Keras takes a second operand with one axis longer than one for the bias of the
    last axis (or the second) wherever that has this length, whichever axis it really belongs to.
    """
    first, second = a.shape, b.shape
    if first is None or second is None:
        return False
    if first == second or all(size == 1 for size in second):
        return True
    alike = bool(first) and first[-1] == second[-1] and second[-1] is not None and second[-1] > 1
    return alike and len(first) >= len(second)


_COMPARISONS = {
    f"ops.{name}" for name in ("equal", "less", "less_equal", "greater", "greater_equal")
}


def binary(function: Symbol, merge: str = "") -> Lowering:
    """`function`, or the stock layer `merge` for two float tensors of one shape."""

    def lowering(a: Value, b: Value) -> Expression:
        shape = a.shape
        alike = shape is not None and shape == b.shape and len(shape) > 1 and None not in shape[1:]
        computed = a.constant is None and b.constant is None
        if merge and alike and computed and a.dtype == "float32":
            return call(getattr(layers, merge)(), [a, b])
        if function.text == "ops.add" and not plainly_added(a, b):
            return Symbol("added")(a, b)
        if a.dtype == "uint64" and function.text not in _COMPARISONS:
            return Symbol("wide")(function, a, b)
        return function(*operands(a, b))

    return lowering


def folded(function: Symbol) -> Lowering:
    def lowering(first: Value, *rest: Value) -> Expression:
        result: Expression = first
        for value in rest:
            if function.text == "ops.add" and first.shape != value.shape:
                result = Symbol("added")(result, value)
                continue
            if first.dtype == "uint64":
                kind = "wide" if function.text == "ops.add" else "ordered"
                result = Symbol(kind)(function, result, value)
                continue
            result = function(result, value)
        return ops.copy(first) if not rest else result

    return lowering


def mean(first: Value, *rest: Value) -> Expression:
    total: Expression = first
    for value in rest:
        total = Symbol("added")(total, value)
    return ops.divide(total, 1 + len(rest))


def div(a: Value, b: Value) -> Expression:
    if a.known_dtype not in INTEGERS:
        return ops.divide(*operands(a, b))
    if a.dtype == "uint64":
        return Symbol("unsigned_divided")(a, b)[0]
    if a.known_dtype.startswith("uint"):
        return ops.floor_divide(*operands(a, b))
    return Symbol("truncated_divide")(a, b)


def mod(a: Value, b: Value, *, fmod: int = 0) -> Expression:
    if a.dtype == "uint64":
        return Symbol("unsigned_divided")(a, b)[1]
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
    rank, count = len(x.shape or ()), slope.dim(0) if slope.shape else None
    if rank > 2 and slope.shape == (x.dim(1),) and count not in (1, x.dim(-1)):
        # Opset 6: one slope a channel, which opset 7 spells [channels, 1, 1].
        slope = ops.reshape(slope, [count, *[1] * (rank - 2)])  # type: ignore[assignment]
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
    left, width = direction == "LEFT", 8 * np.dtype(a.known_dtype).itemsize
    if a.dtype == "uint64":
        return Symbol("wide")(ops.left_shift if left else Symbol("shifted_in_zeros"), a, b)
    if b.constant is None or not ((b.constant >= 0) & (b.constant < width)).all():
        return Symbol("shifted")(a, b, width, left)
    return (ops.left_shift if left else ops.right_shift)(a, b)


def bit_cast(x: Value, *, to: int) -> Expression:
    name = ir.DataType(to).numpy().name
    if "bool" in (name, x.dtype):
        return cast(x, name)
    return ops.view(x, name)


def sign(x: Value) -> Expression:
    return ops.minimum(x, 1) if x.known_dtype.startswith("uint") else ops.sign(x)


def abs_(x: Value) -> Expression:
    return ops.copy(x) if x.known_dtype.startswith("uint") else ops.abs(x)


def reciprocal(x: Value) -> Expression:
    return ops.reciprocal(x)
