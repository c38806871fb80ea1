"""Pools and transposed convolutions as TFLite has them: they take no explicit padding."""

from __future__ import annotations

from typing import Any

from interop.converters.tensorflow.lowerings import convolution, pooling
from interop.converters.tensorflow.lowerings.common import tf
from interop.converters.tensorflow.lowerings.convolution import padding

from interop.source.expression import Expression, Symbol
from interop.source.values import Value
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
    """Computed whole, then cut by the pads."""
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
    result = convolution.conv_transpose(x, w, **options)
    if any(before) or any(ends):
        cut = [slice(a or None, -z or None) for a, z in zip(before, ends, strict=True)]
        result = result[(slice(None), *cut)]
    return result if b is None else tf.nn.bias_add(result, b)
