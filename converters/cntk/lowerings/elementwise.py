"""Operators that work entry by entry."""

from __future__ import annotations

import functools
from typing import Any

from interop.converters.cntk.lowerings.common import C, Lowering, highest_rank, operand

from interop.source.expression import Expression
from interop.source.values import Refusal, Value


def binary(function: Any) -> Lowering:
    """Broadcast as in ONNX, within the sample."""

    def lowering(a: Value, b: Value) -> Expression:
        rank = highest_rank(a, b)
        return function(operand(a, rank), operand(b, rank))  # type: ignore[no-any-return]

    return lowering


def variadic(function: Any) -> Lowering:
    def lowering(*values: Value) -> Expression:
        rank = highest_rank(*values)
        terms = [operand(value, rank) for value in values]
        return C.alias(terms[0]) if len(terms) == 1 else functools.reduce(function, terms)

    return lowering


def mean(*values: Value) -> Expression:
    return variadic(C.plus)(*values) / float(len(values))  # type: ignore[no-any-return]


def power(x: Value, y: Value) -> Expression:
    """C.pow is exp(y·log x): a square by it is not right in the last bits, nor below zero."""
    if y.constant is None or y.constant.size != 1:
        raise Refusal("a power that is no constant number")
    exponent = float(y.constant.reshape(-1)[0])
    if exponent == 2:
        return C.square(x)
    if exponent == 0.5:
        return C.sqrt(x)
    if exponent == -1:
        return C.reciprocal(x)
    if exponent == 3:
        return C.square(x) * x
    raise Refusal(f"power {exponent}")


def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Expression:
    numbers = [
        None if bound is None else float(bound.required("a bound").reshape(-1)[0])
        for bound in (low, high)
    ]
    if numbers[0] is not None and numbers[1] is not None:
        return C.clip(x, *numbers)
    if numbers[0] is not None:
        return C.element_max(x, numbers[0])
    return C.alias(x) if numbers[1] is None else C.element_min(x, numbers[1])


def leaky_relu(x: Value, *, alpha: float = 0.01) -> Expression:
    return C.leaky_relu(x, alpha)


def elu(x: Value, *, alpha: float = 1.0) -> Expression:
    return C.elu(x, alpha)


def hard_sigmoid(x: Value, *, alpha: float = 0.2, beta: float = 0.5) -> Expression:
    return C.clip(x * alpha + beta, 0.0, 1.0)


def hard_swish(x: Value) -> Expression:
    return x * C.clip(x / 6.0 + 0.5, 0.0, 1.0)


def swish(x: Value, *, alpha: float = 1.0) -> Expression:
    return x * C.sigmoid(x if alpha == 1 else x * alpha)


def prelu(x: Value, slope: Value) -> Expression:
    return C.element_max(x, 0.0) + operand(slope, x.known_rank) * C.element_min(x, 0.0)


def same(x: Value) -> Expression:
    return C.alias(x)


def dropout(
    x: Value, ratio: Value | None = None, training: Value | None = None, *, seed: int | None = None
) -> Expression:
    """Nothing, outside training."""
    if training is not None and (training.constant is None or training.constant.any()):
        raise Refusal("dropout in training mode")
    return C.alias(x)
