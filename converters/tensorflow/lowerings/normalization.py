"""Normalisations; those of domain interop.channels_last have their channels on the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tensorflow.lowerings.common import dtype, tf

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Unpack, Value


def batch_normalization(
    x: Value, scale: Value, bias: Value, mean: Value, variance: Value, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0,
) -> Any:  # fmt: skip
    """Channels last, or rank 2."""
    if training_mode:
        call = Symbol("batch_normalize")(x, scale, bias, mean, variance, epsilon, momentum)
        return Unpack(call, 3)
    parts = (scale, bias, mean, variance)
    if all(isinstance(part, Constant) for part in parts):
        # x · (scale / √(variance + ε)) + (bias − mean · scale / √(variance + ε)), in double here
        s, b, m, v = (part.required("statistics").astype(np.float64) for part in parts)
        factor = s / np.sqrt(v + epsilon)
        kind = scale.required("scale").dtype
        assert isinstance(scale, Constant)
        assert isinstance(bias, Constant)
        multiplied = x * scale.stored(factor.astype(kind), "folded")
        return tf.nn.bias_add(multiplied, bias.stored((b - m * factor).astype(kind), "folded"))
    return tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon)


def instance_normalization(
    x: Value, scale: Value, bias: Value, *, epsilon: float = 1e-5
) -> Expression:
    """Channels last."""
    axes = list(range(1, x.known_rank - 1))
    return Symbol("normalize")(x, axes, epsilon) * scale + bias


def group_normalization(
    x: Value, scale: Value, bias: Value, *, num_groups: int, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Expression:  # fmt: skip
    """Channels last."""
    return Symbol("group_normalize")(x, num_groups, epsilon) * scale + bias


def layer_normalization(
    x: Value, scale: Value, bias: Value | None = None, *, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Expression:  # fmt: skip
    first = axis % x.known_rank
    normal = Symbol("normalize")(x, list(range(first, x.known_rank)), epsilon)
    scaled = normal * scale
    return scaled if bias is None else scaled + bias


def rms_normalization(
    x: Value, scale: Value, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Expression:
    axes = list(range(axis % x.known_rank, x.known_rank))
    half = x.known_dtype in ("float16", "bfloat16") and stash_type == 1
    source: Any = tf.cast(x, tf.float32) if half else x
    power = tf.reduce_mean(tf.square(source), axis=axes, keepdims=True)
    normal = source * tf.math.rsqrt(power + epsilon)
    return (tf.cast(normal, dtype(x.known_dtype)) if half else normal) * scale


def mean_variance_normalization(x: Value, *, axes: list[int] | None = None) -> Expression:
    return Symbol("normalize")(x, axes or [0, 2, 3], 1e-9)


def lrn(
    x: Value, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Expression:
    """Channels last."""
    if x.known_rank != 4 or size % 2 == 0 or x.dtype not in ("float32", "float16"):
        return Symbol("local_response_normalization")(x, size, alpha, beta, bias)
    radius = (size - 1) // 2
    return tf.nn.local_response_normalization(
        x, depth_radius=radius, bias=bias, alpha=alpha / size, beta=beta
    )
