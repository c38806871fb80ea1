"""Maximum pools as TFLite has them: its windows take no explicit padding."""

from __future__ import annotations

from typing import Any

from interop.converters.tensorflow.lowerings import pooling
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
