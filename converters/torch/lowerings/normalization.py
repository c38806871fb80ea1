"""Normalisations by torch's own functions."""

from __future__ import annotations

from typing import Any

from interop.converters.torch.lowerings.common import F, torch

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value


def batch_normalization(
    x: Value, scale: Value, bias: Value, mean: Value, variance: Value, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0,
) -> Expression | Unpack:  # fmt: skip
    if training_mode:
        call = Symbol("train_batch_norm")(x, scale, bias, mean, variance, epsilon, momentum)
        return Unpack(call, 3)
    return F.batch_norm(x, mean, variance, scale, bias, eps=epsilon)


def layer_normalization(
    x: Value, scale: Value, bias: Value | None = None, *, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1, node: Node,
) -> Expression:  # fmt: skip
    if any(node.used[1:]):
        raise Refusal("its mean and deviation are used")
    shape = _normalized(x, scale, axis)
    if bias is not None and bias.shape != scale.shape:
        raise Refusal("a bias of another shape than the scale")
    return F.layer_norm(x, shape, scale, bias, eps=epsilon)


def rms_normalization(
    x: Value, scale: Value, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Expression:
    shape = _normalized(x, scale, axis)
    if x.known_dtype != scale.known_dtype:
        raise Refusal("a scale of another dtype")
    return F.rms_norm(x, shape, scale, eps=epsilon)


def _normalized(x: Value, scale: Value, axis: int) -> list[Any]:
    """The sizes that are normalised together; torch wants the scale to have just these."""
    if x.known_dtype not in ("float32", "float64"):
        raise Refusal("statistics in float32 of a narrower dtype")
    axis = axis % x.known_rank
    shape = [x.size(i) for i in range(axis, x.known_rank)]
    if scale.shape is None or list(scale.shape) != shape:
        raise Refusal("a scale that does not have the sizes that are normalised")
    return shape


def instance_normalization(
    x: Value, scale: Value, bias: Value, *, epsilon: float = 1e-5
) -> Expression:
    channels = scale.dim(0)
    if channels is None:
        return F.instance_norm(x, weight=scale, bias=bias, eps=epsilon)
    return F.group_norm(x, channels, scale, bias, eps=epsilon)


def group_normalization(
    x: Value, scale: Value, bias: Value, *, num_groups: int, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Expression:  # fmt: skip
    return F.group_norm(x, num_groups, scale, bias, eps=epsilon)


def lrn(
    x: Value, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Expression:
    if size % 2:
        return F.local_response_norm(x, size, alpha, beta, bias)
    return Symbol("local_response_norm")(x, size, alpha, beta, bias)


def mean_variance_normalization(x: Value, *, axes: list[int] | None = None) -> Expression:
    axes = axes or [0, 2, 3]
    mean = torch.mean(x, dim=axes, keepdim=True)
    deviation = torch.std(x, dim=axes, correction=0, keepdim=True)
    return (x - mean) / (deviation + 1e-9)
