"""Normalisations; those of domain interop.channels_last have their channels on the last axis."""

from __future__ import annotations

from interop.converters.keras.lowerings.common import layer, ops, raw

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Refusal, Value


def batch_normalization(
    x: Value, scale: Value, bias: Value, mean: Value, variance: Value, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0,
) -> Expression:  # fmt: skip
    """Channels last, or rank 2."""
    if training_mode:
        raise Refusal("training mode is not covered")
    parts = (scale, bias, mean, variance)
    if x.dtype == "float32" and all(isinstance(part, Constant) for part in parts):
        return layer(
            "BatchNormalization", [raw(part) for part in parts], [x], named=scale,
            epsilon=epsilon, momentum=momentum,
        )  # fmt: skip
    normal = ops.divide(ops.subtract(x, mean), ops.sqrt(ops.add(variance, epsilon)))
    return ops.add(ops.multiply(normal, scale), bias)


def layer_normalization(
    x: Value, scale: Value, bias: Value | None = None, *, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Expression:  # fmt: skip
    rank = x.known_rank
    first = axis % rank
    axes = list(range(first, rank))
    sizes = [x.dim(a) for a in axes]
    parts = [scale] if bias is None else [scale, bias]
    if (
        x.dtype == "float32"
        and bias is not None
        and len(axes) == 1
        and all(isinstance(part, Constant) and list(part.shape or ()) == sizes for part in parts)
    ):
        return layer(
            "LayerNormalization", [raw(part) for part in parts], [x], named=scale, epsilon=epsilon
        )
    scaled = ops.multiply(Symbol("normalized")(x, axes, epsilon), scale)
    return scaled if bias is None else ops.add(scaled, bias)


def rms_normalization(
    x: Value, scale: Value, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Expression:
    axes = list(range(axis % x.known_rank, x.known_rank))
    power = ops.mean(ops.square(x), axis=axes, keepdims=True)
    return ops.multiply(ops.multiply(x, ops.rsqrt(ops.add(power, epsilon))), scale)


def instance_normalization(
    x: Value, scale: Value, bias: Value, *, epsilon: float = 1e-5
) -> Expression:
    axes = list(range(1, x.known_rank - 1))
    return ops.add(ops.multiply(Symbol("normalized")(x, axes, epsilon), scale), bias)


def mean_variance_normalization(x: Value, *, axes: list[int] | None = None) -> Expression:
    return Symbol("normalized")(x, axes or [0, 2, 3], 1e-18)
