"""Pools and transposed convolutions as TFLite has them: they take no explicit padding."""

from __future__ import annotations

from typing import Any

from interop.converters.tensorflow.lowerings import convolution, pooling
from interop.converters.tensorflow.lowerings.common import tf
from interop.converters.tensorflow.lowerings.convolution import padding

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Value
from interop.source.windows import window


def max_pool(x: Value, *, kernel_shape: list[int], **attributes: Any) -> Expression:
    """Padded first, by the least number, where padding is needed."""
    names = ("auto_pad", "pads", "strides", "dilations", "ceil_mode")
    defaults = ("NOTSET", None, None, None, 0)
    chosen = [attributes.get(name, default) for name, default in zip(names, defaults, strict=True)]
    strides, dilations, around, _ = window(x, kernel_shape, *chosen)
    plain = len(kernel_shape) == 2 and x.dtype == "float32" and set(dilations) == {1}
    if not plain or padding(around) == "VALID":
        return pooling.max_pool(x, kernel_shape=kernel_shape, **attributes)
    padded = Symbol("pad_lowest")(x, padding(around))
    return tf.nn.max_pool2d(padded, kernel_shape, strides=strides, padding="VALID")


def conv_transpose(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None, output_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    """By SAME, where that pads alike; else computed whole, then cut by the pads."""
    options: dict[str, Any] = {"dilations": dilations, "group": group, "strides": strides}
    rank = x.known_rank - 2
    before, after = (pads or [0] * (2 * rank))[:rank], (pads or [0] * (2 * rank))[rank:]
    extra = output_padding or [0] * rank
    ends = [z - e for z, e in zip(after, extra, strict=True)]
    if auto_pad not in ("NOTSET", "") or output_shape is not None or min(ends) < 0:
        return convolution.conv_transpose(
            x, w, b, auto_pad=auto_pad, output_padding=output_padding, output_shape=output_shape,
            pads=pads, **options,
        )  # fmt: skip
    cut = list(zip(before, ends, strict=True))
    if group == 1 and set(dilations or [1]) == {1} and _pads_alike(w, strides or [1] * rank, cut):
        order = [*range(2, rank + 2), 1, 0]
        filters: Any = w.permuted(order) if isinstance(w, Constant) else tf.transpose(w, order)
        result = Symbol("conv_transpose_same")(x, filters, strides or [1] * rank, cut)
        return result if b is None else tf.nn.bias_add(result, b)
    result = convolution.conv_transpose(x, w, **options)
    if any(before) or any(ends):
        kept = [slice(a or None, -z or None) for a, z in cut]
        result = result[(slice(None), *kept)]
    return result if b is None else tf.nn.bias_add(result, b)


def _pads_alike(w: Value, strides: list[int], cut: list[tuple[int, int]]) -> bool:
    """Whether SAME takes off as much, and as much of it in front: half, the odd one behind.

    Of n numbers along an axis it makes more than (n - 1) times the stride, n times at most.
    """
    if len(strides) != 2 or w.shape is None or None in w.shape or w.dtype != "float32":
        return False
    return all(
        0 < (size or 0) - before - after <= stride and before == (before + after) // 2
        for size, stride, (before, after) in zip(w.shape[2:], strides, cut, strict=True)
    )
