"""Normalisations, by helpers."""

from __future__ import annotations

from interop.converters.theano.lowerings.common import FLOATS, number

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Refusal, Value


def batch_normalization(
    x: Value, scale: Value, bias: Value, mean: Value, variance: Value, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0,
) -> Expression:  # fmt: skip
    if training_mode:
        raise Refusal("batch normalisation in training mode")
    small = number(epsilon, variance.known_dtype)
    return Symbol("batch_norm")(x, scale, bias, mean, variance, small)


def layer_normalization(
    x: Value, scale: Value, bias: Value | None = None, *, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1, node: Node,
) -> Expression:  # fmt: skip
    if any(node.used[1:]) or x.known_dtype not in ("float32", "float64"):
        raise Refusal("statistics as results, or half precision")
    over = list(range(axis % x.known_rank, x.known_rank))
    scaled = Symbol("normalize")(x, over, number(epsilon, x.known_dtype)) * scale
    return scaled if bias is None else scaled + bias


def instance_normalization(
    x: Value, scale: Value, bias: Value, *, epsilon: float = 1e-5
) -> Expression:
    if x.known_dtype not in FLOATS:
        raise Refusal(f"a normalisation of {x.known_dtype}")
    over = list(range(2, x.known_rank))
    laid = (0, *["x"] * len(over))
    scaled = Symbol("normalize")(x, over, number(epsilon, x.known_dtype))
    return scaled * scale.method("dimshuffle", *laid) + bias.method("dimshuffle", *laid)
