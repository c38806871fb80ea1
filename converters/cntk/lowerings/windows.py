"""Convolutions and pools. CNTK's own padding is symmetric for odd windows only; C.pad says any."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from interop.converters.cntk.lowerings.common import C, kept, sample_of

from interop.source.expression import Expression
from interop.source.values import Constant, Refusal, Value
from interop.source.windows import explicit_pads

_LOWEST = float("-inf")


def padded(x: Expression, pairs: list[tuple[int, int]], value: float = 0.0) -> Expression:
    """`x` with its spatial axes padded; they stand behind the channels."""
    if not any(before or after for before, after in pairs):
        return x
    pattern = [(0, 0), *pairs]
    return C.pad(x, pattern) if value == 0 else C.pad(x, pattern, constant_value=value)


def _around(
    x: Value, kernel: list[int], auto_pad: str, pads: list[int] | None, strides: list[int],
    dilations: list[int],
) -> list[tuple[int, int]]:  # fmt: skip
    spatial = sample_of(x)[1:]
    if not 1 <= len(kernel) <= 3 or len(spatial) != len(kernel):
        raise Refusal(f"{len(kernel)} spatial dimensions")
    pairs = explicit_pads(auto_pad, pads, list(spatial), kernel, strides, dilations)
    if any(amount < 0 for pair in pairs for amount in pair):
        raise Refusal("negative padding")
    return pairs


def conv(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    kernel = list(w.required("the weights").shape[2:])
    rank = len(kernel)
    strides, holes = strides or [1] * rank, dilations or [1] * rank
    pairs = _around(x, kernel, auto_pad, pads, strides, holes)
    options: dict[str, Any] = {"strides": tuple(strides), "auto_padding": [False]}
    if group != 1:
        options["groups"] = group
    result = C.convolution(kept(w, _spread(w, holes)), padded(x, pairs), **options)
    return result if b is None else result + _by_channel(b, rank)


def _spread(w: Value, holes: list[int]) -> np.ndarray:
    """The weights with zeros in the holes: CNTK's CPU kernels know no dilation."""
    array = w.required("the weights")
    if all(hole == 1 for hole in holes):
        return array
    sizes = [(size - 1) * hole + 1 for size, hole in zip(array.shape[2:], holes, strict=True)]
    wide = np.zeros((*array.shape[:2], *sizes), array.dtype)
    wide[(..., *[slice(None, None, hole) for hole in holes])] = array
    return wide


def _by_channel(b: Value, rank: int) -> Value:
    array = b.required("the bias")
    return kept(b, array.reshape(-1, *[1] * rank))


def batch_normalization(
    x: Value, scale: Value, bias: Value, mean: Value, variance: Value, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0,
) -> Expression:  # fmt: skip
    if training_mode:
        raise Refusal("training mode")
    parts = [kept(part, part.required("a statistic")) for part in (scale, bias, mean, variance)]
    return C.batch_normalization(
        x, *parts, spatial=len(sample_of(x)) > 1, epsilon=epsilon, use_cudnn_engine=False,
        running_count=C.Constant(0),
    )  # fmt: skip


def _window(
    x: Value, kernel: list[int], auto_pad: str, pads: list[int] | None, strides: list[int] | None,
    dilations: list[int] | None, ceil_mode: int,
) -> tuple[list[int], list[tuple[int, int]]]:  # fmt: skip
    """Strides, and padding with what ceil_mode adds after."""
    steps = strides or [1] * len(kernel)
    if dilations is not None and any(hole != 1 for hole in dilations):
        raise Refusal("a pool with dilations")
    pairs = _around(x, kernel, auto_pad, pads, steps, [1] * len(kernel))
    if not ceil_mode or auto_pad not in ("NOTSET", ""):
        return steps, pairs
    longer = []
    for size, window, step, (before, after) in zip(
        sample_of(x)[1:], kernel, steps, pairs, strict=True
    ):
        span = size + before + after - window
        count = -(-span // step)
        if count * step >= size + before:  # the last window would start in padding
            count -= 1
        longer.append((before, after + max(0, count * step - span)))
    return steps, longer


def max_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, pads: list[int] | None = None, storage_order: int = 0,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    steps, pairs = _window(x, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode)
    source = padded(x, pairs, _LOWEST)
    return C.pooling(
        source, C.MAX_POOLING, tuple(kernel_shape), strides=tuple(steps), auto_padding=[False]
    )


def average_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: list[int] | None = None, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    """Where windows lie partly in padding, their sums are divided by what they really hold."""
    steps, pairs = _window(x, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode)
    result = C.pooling(
        padded(x, pairs), C.AVG_POOLING, tuple(kernel_shape), strides=tuple(steps),
        auto_padding=[False],
    )  # fmt: skip
    if not any(before or after for before, after in pairs):
        return result
    declared = _around(x, kernel_shape, auto_pad, pads, steps, [1] * len(kernel_shape))
    counts = _counts(
        sample_of(x)[1:], kernel_shape, steps, pairs, declared if count_include_pad else None
    )
    if np.all(counts == np.prod(kernel_shape)):
        return result
    ratio = (np.prod(kernel_shape) / counts)[np.newaxis].astype(np.float32)
    return result * C.Constant([[*row] for row in ratio.tolist()])


def _counts(
    sizes: list[int], kernel: list[int], steps: list[int], pairs: list[tuple[int, int]],
    declared: list[tuple[int, int]] | None,
) -> np.ndarray:  # fmt: skip
    """Entries that each window counts: those of the data, and of `declared` padding if given."""
    along = []
    for index, (size, window, step, (before, after)) in enumerate(
        zip(sizes, kernel, steps, pairs, strict=True)
    ):
        held = np.zeros(size + before + after)
        first, last = (0, 0) if declared is None else declared[index]
        held[before - first : before + size + last] = 1
        starts = range(0, len(held) - window + 1, step)
        along.append([held[start : start + window].sum() for start in starts])
    shape = [len(axis) for axis in along]
    return np.array([np.prod(each) for each in itertools.product(*along)]).reshape(shape)


def global_average_pool(x: Value) -> Expression:
    return C.reduce_mean(x, axis=list(range(1, len(sample_of(x)))))


def global_max_pool(x: Value) -> Expression:
    return C.reduce_max(x, axis=list(range(1, len(sample_of(x)))))


def pad(
    x: Value, pads: Value, constant: Value | None = None, axes: Value | None = None, *,
    mode: str = "constant",
) -> Expression:  # fmt: skip
    amounts, rank = pads.ints("the padding"), x.known_rank
    given = list(range(rank)) if axes is None else [a % rank for a in axes.ints("axes")]
    pairs = [(0, 0)] * rank
    for index, one in enumerate(given):
        pairs[one] = (amounts[index], amounts[index + len(given)])
    if pairs[0] != (0, 0) or any(amount < 0 for pair in pairs for amount in pair):
        raise Refusal("padding of the batch, or negative")
    modes = {"constant": None, "reflect": C.ops.REFLECT_PAD}
    if mode not in modes:
        raise Refusal(f"mode {mode}")
    options: dict[str, Any] = {} if modes[mode] is None else {"mode": modes[mode]}
    if isinstance(constant, Constant) and constant.constant.item() != 0:
        options["constant_value"] = float(constant.constant.item())
    return C.pad(x, pairs[1:], **options)
