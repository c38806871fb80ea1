"""Normalisations."""

from __future__ import annotations

from interop.converters.mxnet.lowerings.common import mnp, npx, to

from interop.source.expression import Expression
from interop.source.values import Refusal, Value


def batch_normalization(
    x: Value, scale: Value, bias: Value, mean: Value, variance: Value, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0,
) -> Expression:  # fmt: skip
    """mean and variance become auxiliary states, which have to be parameters."""
    if training_mode:
        raise Refusal("batch normalisation in training mode")
    constant = all(v.constant is not None for v in (scale, bias, mean, variance))
    if not constant or x.known_rank < 3 or x.known_dtype != "float32" or epsilon < 1e-8:
        laid = (-1, *[1] * (x.known_rank - 2)) if x.known_rank > 2 else (-1,)
        parts = [mnp.reshape(v, laid) for v in (scale, bias, mean, variance)]
        return (x - parts[2]) / mnp.sqrt(parts[3] + epsilon) * parts[0] + parts[1]
    return npx.batch_norm(
        x, scale, bias, mean, variance, eps=epsilon, momentum=momentum, fix_gamma=False,
        use_global_stats=True,
    )  # fmt: skip


def layer_normalization(
    x: Value,
    scale: Value,
    bias: Value | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Expression | tuple[Expression, ...]:
    rank = x.known_rank
    first = axis % rank
    if first == rank - 1 and bias is not None and x.known_dtype == "float32":
        return npx.layer_norm(x, scale, bias, axis=-1, eps=epsilon)
    over = tuple(range(first, rank))
    wide = to(x, "float32") if x.known_dtype == "float16" else x
    centred = wide - mnp.mean(wide, axis=over, keepdims=True)
    spread = mnp.sqrt(mnp.mean(mnp.square(centred), axis=over, keepdims=True) + epsilon)
    scaled: Expression = centred / spread
    if wide is not x:
        scaled = to(scaled, "float16")
    scaled = scaled * scale
    return scaled if bias is None else scaled + bias


def rms_normalization(
    x: Value, scale: Value, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Expression:
    over = tuple(range(axis % x.known_rank, x.known_rank))
    wide = to(x, "float32") if x.known_dtype == "float16" else x
    scaled: Expression = wide / mnp.sqrt(
        mnp.mean(mnp.square(wide), axis=over, keepdims=True) + epsilon
    )
    return (to(scaled, "float16") if wide is not x else scaled) * scale


def instance_normalization(
    x: Value, scale: Value, bias: Value, *, epsilon: float = 1e-5
) -> Expression:
    over = tuple(range(2, x.known_rank))
    laid = (-1, *[1] * len(over))
    centred = x - mnp.mean(x, axis=over, keepdims=True)
    spread = mnp.sqrt(mnp.mean(mnp.square(centred), axis=over, keepdims=True) + epsilon)
    return centred / spread * mnp.reshape(scale, laid) + mnp.reshape(bias, laid)


def group_normalization(
    x: Value, scale: Value, bias: Value, *, num_groups: int, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Expression:  # fmt: skip
    """[batch, channels, …] as [batch, groups, …], normalised, and back."""
    rank = x.known_rank
    grouped = npx.reshape(x, (-2, num_groups, -1))
    centred = grouped - mnp.mean(grouped, axis=-1, keepdims=True)
    spread = mnp.sqrt(mnp.mean(mnp.square(centred), axis=-1, keepdims=True) + epsilon)
    laid = (-1, *[1] * (rank - 2))
    back = npx.reshape_like(centred / spread, x)
    return back * mnp.reshape(scale, laid) + mnp.reshape(bias, laid)


def lrn(
    x: Value, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Expression:
    """Squares summed over `size` channels, as slices of the padded squares."""
    channels = x.dim(1)
    if channels is None:
        raise Refusal("LRN needs a known number of channels")
    before = (size - 1) // 2
    rest = [(0, 0)] * (x.known_rank - 2)
    padded = mnp.pad(mnp.square(x), ((0, 0), (before, size - 1 - before), *rest))
    parts = [npx.slice(padded, begin=(None, i), end=(None, i + channels)) for i in range(size)]
    total: Expression = parts[0]
    for part in parts[1:]:
        total = total + part
    return x / mnp.power(bias + (alpha / size) * total, beta)


def mean_variance_normalization(x: Value, *, axes: list[int] | None = None) -> Expression:
    over = tuple(axes or [0, 2, 3])
    centred = x - mnp.mean(x, axis=over, keepdims=True)
    spread = mnp.sqrt(mnp.mean(mnp.square(centred), axis=over, keepdims=True))
    return centred / (spread + 1e-9)
