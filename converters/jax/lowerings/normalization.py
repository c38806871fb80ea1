"""Normalisations, by helpers: JAX has no functions for them."""

from __future__ import annotations

from interop.converters.jax.lowerings.common import jnp

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Unpack, Value


def batch_normalization(
    x: Value, scale: Value, bias: Value, mean: Value, variance: Value, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0,
) -> Expression | Unpack:  # fmt: skip
    if training_mode:
        call = Symbol("train_batch_norm")(x, scale, bias, mean, variance, epsilon, momentum)
        return Unpack(call, 3)
    return Symbol("batch_norm")(x, scale, bias, mean, variance, epsilon)


def layer_normalization(
    x: Value, scale: Value, bias: Value | None = None, *, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1, node: Node,
) -> Expression | Unpack:  # fmt: skip
    call = Symbol("layer_norm")(x, scale, bias, axis, epsilon)
    if any(node.used[1:]):
        return Unpack(Symbol("layer_norm_with_statistics")(x, scale, bias, axis, epsilon), 3)
    return call


def rms_normalization(
    x: Value, scale: Value, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Expression:
    return Symbol("rms_norm")(x, scale, axis, epsilon)


def instance_normalization(
    x: Value, scale: Value, bias: Value, *, epsilon: float = 1e-5
) -> Expression:
    return Symbol("instance_norm")(x, scale, bias, epsilon)


def group_normalization(
    x: Value, scale: Value, bias: Value, *, num_groups: int, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Expression:  # fmt: skip
    return Symbol("group_norm")(x, scale, bias, num_groups, epsilon)


def lrn(
    x: Value, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Expression:
    return Symbol("local_response_norm")(x, size, alpha, beta, bias)


def mean_variance_normalization(x: Value, *, axes: list[int] | None = None) -> Expression:
    over = tuple(axes or [0, 2, 3])
    mean = jnp.mean(x, axis=over, keepdims=True)
    return (x - mean) / (jnp.std(x, axis=over, keepdims=True) + 1e-9)
