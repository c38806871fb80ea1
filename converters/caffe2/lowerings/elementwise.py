"""Operators that act on each element."""

from __future__ import annotations

import math
from typing import Any

import onnx_ir as ir
from interop.converters.caffe2.lowerings.common import (
    DTYPES,
    Lowering,
    add,
    alike,
    constant,
)

from interop.source.expression import Expression
from interop.source.printer import Node
from interop.source.values import Refusal, Value


def binary(operator: str) -> Lowering:
    """Broadcast as in NumPy."""

    def lowering(a: Value, b: Value) -> Expression:
        return add(operator, a, b)

    return lowering


def total(*xs: Value) -> Expression:
    result: Expression = xs[0]
    for x in xs[1:]:
        result = add("Add", result, x)
    return result


def mean(*xs: Value) -> Expression:
    return add("Scale", total(*xs), scale=1 / len(xs))


def extreme(operator: str) -> Lowering:
    """The larger or smaller; of a number, by clipping."""

    def lowering(*xs: Value, node: Node) -> Expression:
        for x, other in (xs, xs[::-1]) if len(xs) == 2 else ():
            bound = other.constant
            if bound is not None and bound.size == 1 and bound.ndim <= x.known_rank:
                side = "min" if operator == "Max" else "max"
                return add("Clip", x, **{side: float(bound.reshape(-1)[0])})
        return add(operator, *alike(node, *xs))

    return lowering


def power(x: Value, exponent: Value, *, node: Node) -> Expression:
    array = exponent.constant
    if array is not None and array.size == 1:
        return add("Pow", x, exponent=float(array.reshape(-1)[0]))
    if exponent.dtype != x.dtype:
        raise Refusal(f"{x.dtype} to the power of {exponent.dtype}")
    return add("Pow", *alike(node, x, exponent))


def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Expression:
    bounds = {
        name: float(value.required("a bound").reshape(-1)[0])
        for name, value in (("min", low), ("max", high))
        if value is not None
    }
    if bounds.get("min", -math.inf) > bounds.get("max", math.inf):
        raise Refusal("bounds that exclude each other")
    return add("Clip", x, **{name: value for name, value in bounds.items() if math.isfinite(value)})


def where(condition: Value, a: Value, b: Value, *, node: Node) -> Expression:
    return add("Where", *alike(node, condition, a, b))


def cast(x: Value, *, to: int, saturate: int = 1, round_mode: str = "up") -> Expression:
    name = ir.DataType(to).numpy().name
    if name not in DTYPES:
        raise Refusal(f"Caffe2 has no {name} here")
    return x if name == x.known_dtype else add("Cast", x, to=DTYPES[name])


def elu(x: Value, *, alpha: float = 1.0) -> Expression:
    return add("Elu", x, alpha=alpha)


def selu(
    x: Value, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
) -> Expression:
    return add("Selu", x, alpha=alpha, scale=gamma)


def leaky_relu(x: Value, *, alpha: float = 0.01) -> Expression:
    return add("LeakyRelu", x, alpha=alpha)


def prelu(x: Value, slope: Value) -> Expression:
    """One slope a channel, or one for all; Caffe2's is a vector."""
    array, channels = slope.required("the slope"), x.dim(1)
    if array.size != 1 and not (
        array.size == channels and array.ndim == x.known_rank - 1 and array.shape[0] == channels
    ):
        raise Refusal("slopes that are not of channels")
    return add("PRelu", x, slope.stored(array.reshape(-1), "vector"))  # type: ignore[attr-defined]


def hard_sigmoid(x: Value, *, alpha: float = 0.2, beta: float = 0.5) -> Expression:
    return add("HardSigmoid", x, alpha=alpha, beta=beta)


def hard_swish(x: Value) -> Expression:
    return add("Mul", x, hard_sigmoid(x, alpha=1 / 6, beta=0.5))


def swish(x: Value, *, alpha: float = 1.0) -> Expression:
    inner: Expression = x if alpha == 1 else add("Scale", x, scale=alpha)
    return add("Mul", x, add("Sigmoid", inner))


def gelu(x: Value, *, approximate: str = "none") -> Expression:
    """By its own words: Caffe2's Gelu knows the normal distribution to a few digits."""
    if approximate == "tanh":
        raise Refusal("is written in simpler operators")
    grown = add("Add", add("Erf", add("Scale", x, scale=math.sqrt(0.5))), constant(x, 1, "float32"))
    return add("Scale", add("Mul", x, grown), scale=0.5)


def softplus(x: Value) -> Expression:
    """Without overflow: max(x, 0) + log(1 + exp(-|x|))."""
    far = add("Exp", add("Negative", add("Abs", x)))
    return add("Add", add("Relu", x), add("Log", add("Add", far, constant(x, 1, "float32"))))


def same(x: Value) -> Expression:
    return x


def dropout(
    x: Value, ratio: Value | None = None, training: Value | None = None, *, seed: int = 0,
    node: Node,
) -> Any:  # fmt: skip
    """Nothing, outside training."""
    if training is not None and (training.constant is None or training.constant.any()):
        raise Refusal("dropout in training mode")
    if any(node.used[1:]):
        raise Refusal("its mask is asked for")
    return x
