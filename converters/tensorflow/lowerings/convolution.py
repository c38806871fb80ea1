"""Convolutions over channels-last data; weights as ONNX has them: [out, in / group, spatial…]."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tensorflow.lowerings.common import tf

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Refusal, Value
from interop.source.windows import explicit_pads

#: TensorFlow's name for the layout of each spatial rank.
FORMATS = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def padding(pads: list[tuple[int, int]]) -> Any:
    """TensorFlow's `padding` argument: "VALID", or explicit for each axis of [N, spatial…, C]."""
    if not any(before or after for before, after in pads):
        return "VALID"
    return [[0, 0], *[[before, after] for before, after in pads], [0, 0]]


def conv(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    if w.shape is None or None in w.shape[1:]:
        raise Refusal("the shape of the weights is not known")
    rank = len(w.shape) - 2
    kernel = [int(size) for size in w.shape[2:] if size is not None]
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    sizes = [x.dim(axis) for axis in range(1, rank + 1)]
    around = explicit_pads(auto_pad, pads, sizes, kernel, strides, dilations)
    if rank not in FORMATS:
        raise Refusal(f"{rank} spatial dimensions")
    depthwise = rank == 2 and group > 1 and w.shape[1] == 1 and x.dim(-1) == group
    if depthwise and len(set(strides)) == 1 and (strides == [1, 1] or dilations == [1, 1]):
        result = _depthwise(x, w, group, around, strides, dilations)
    elif rank == 2:
        result = tf.nn.conv2d(
            x, hwio(w), strides=strides, padding=padding(around), **_dilated(dilations)
        )
    else:  # TensorFlow pads explicitly only in two dimensions
        source: Any = x if padding(around) == "VALID" else tf.pad(x, padding(around))
        result = _grouped(source, w, group, rank, strides, dilations)
    return result if b is None else tf.nn.bias_add(result, b)


def hwio(w: Value) -> Any:
    """[out, in, spatial…] → [spatial…, in, out]."""
    rank = len(w.shape or ())
    order = [*range(2, rank), 1, 0]
    return w.permuted(order) if isinstance(w, Constant) else tf.transpose(w, order)


def _dilated(dilations: list[int]) -> dict[str, Any]:
    return {"dilations": dilations} if any(d != 1 for d in dilations) else {}


def _depthwise(
    x: Value, w: Value, group: int, around: list[tuple[int, int]], strides: list[int],
    dilations: list[int],
) -> Expression:  # fmt: skip
    """[groups * multiplier, 1, H, W] → TensorFlow's [H, W, groups, multiplier]."""
    assert w.shape is not None
    multiplier = (w.shape[0] or 0) // group
    spatial = list(w.shape[2:])
    if isinstance(w, Constant):
        array = w.constant.transpose(2, 3, 1, 0).reshape(*spatial, group, multiplier)
        filters: Any = w.stored(np.ascontiguousarray(array), "depthwise")
    else:
        filters = tf.reshape(tf.transpose(w, [2, 3, 1, 0]), [*spatial, group, multiplier])
    # TensorFlow 2.21 aborts the whole process on a fused depthwise convolution with explicit
    # padding, so the padding is SAME where that is the same, and an operator of its own elsewhere.
    totals = [(k - 1) * d for k, d in zip(w.shape[2:], dilations, strict=True) if k is not None]
    same = strides == [1, 1] and around == [(t // 2, t - t // 2) for t in totals]
    source: Any = x
    if not same and padding(around) != "VALID":
        source = tf.pad(x, padding(around))
    return tf.nn.depthwise_conv2d(
        source, filters, strides=[1, *strides, 1], padding="SAME" if same else "VALID",
        **_dilated(dilations),
    )  # fmt: skip


def _grouped(
    x: Any, w: Value, group: int, rank: int, strides: list[int], dilations: list[int]
) -> Expression:
    """One and three dimensions, unpadded; groups are split, as TensorFlow has none there."""
    extra = _dilated(dilations)
    if rank == 1:
        if group > 1:  # conv2d knows groups
            lifted = tf.nn.conv2d(
                tf.expand_dims(x, 1), tf.expand_dims(hwio(w), 0), strides=[1, *strides],
                padding="VALID", **_dilated([1, *dilations]),
            )  # fmt: skip
            return tf.squeeze(lifted, axis=1)
        return tf.nn.conv1d(x, hwio(w), stride=strides[0], padding="VALID", **extra)
    strides_argument = [1, *strides, 1]
    if extra:
        extra = {"dilations": [1, *dilations, 1]}
    filters = hwio(w)
    narrow = w.dtype in ("float16", "bfloat16")
    if narrow:  # some processors' kernels would add up in the narrow type
        x, filters = tf.cast(x, tf.float32), tf.cast(filters, tf.float32)
    if group == 1:
        result = tf.nn.conv3d(x, filters, strides=strides_argument, padding="VALID", **extra)
    else:
        result = Symbol("grouped_conv3d")(x, filters, group, strides_argument, **extra)
    return tf.cast(result, Symbol(f"tf.{w.dtype}")) if narrow else result


def conv_transpose(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None, output_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    """Weights [in, out / group, spatial…]. Computed without padding, then cut, as ONNX defines it."""
    if w.shape is None or None in w.shape:
        raise Refusal("the shape of the weights is not known")
    rank = len(w.shape) - 2
    kernel = [int(size) for size in w.shape[2:] if size is not None]
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    extra = output_padding or [0] * rank
    sizes = [x.dim(axis) for axis in range(1, rank + 1)]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if output_shape is not None or auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        if None in sizes:
            raise Refusal("an output shape or auto_pad needs a known spatial size")
        known = [size or 0 for size in sizes]
        wanted = output_shape or [n * s for n, s in zip(known, strides, strict=True)]
        wanted = wanted[-rank:]
        totals = [
            (n - 1) * s + r + e - out
            for n, s, r, e, out in zip(known, strides, reach, extra, wanted, strict=True)
        ]
        upper = auto_pad == "SAME_UPPER"
        around = [(t // 2, t - t // 2) if upper else (t - t // 2, t // 2) for t in totals]
        around = [pair if t >= 0 else (0, t) for t, pair in zip(totals, around, strict=True)]
    else:
        around = explicit_pads(auto_pad, pads, sizes, kernel, strides, dilations)
    order = [*range(2, rank + 2), 1, 0]
    filters: Any = w.permuted(order) if isinstance(w, Constant) else tf.transpose(w, order)
    cut = [[before, after - e] for (before, after), e in zip(around, extra, strict=True)]
    result = Symbol(f"conv_transpose_{rank}d")(x, filters, strides, dilations, group, cut)
    return result if b is None else tf.nn.bias_add(result, b)
