"""Pools over channels-last data."""

from __future__ import annotations

from typing import Any

from interop.converters.tensorflow.lowerings.common import tf
from interop.converters.tensorflow.lowerings.convolution import padding

from interop.source.expression import Expression, Symbol
from interop.source.values import Unpack, Value
from interop.source.windows import window


def max_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, pads: list[int] | None = None, storage_order: int = 0,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    strides, dilations, around, _ = window(
        x, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode
    )
    rank = len(kernel_shape)
    plain = all(d == 1 for d in dilations)
    if rank == 2 and plain and x.known_dtype == "float32":
        return tf.nn.max_pool2d(x, kernel_shape, strides=strides, padding=padding(around))
    source: Any = x
    if padding(around) != "VALID":
        source = Symbol("pad_lowest")(x, padding(around))
    if x.known_dtype not in ("float32", "float16", "bfloat16", "float64"):
        return Symbol("max_pool_integer")(source, kernel_shape, strides, dilations)
    if plain:
        return Symbol(f"tf.nn.max_pool{rank}d")(
            source, kernel_shape, strides=strides, padding="VALID"
        )
    return Symbol("dilated_max_pool")(source, kernel_shape, strides, dilations)


def max_pool_with_indices(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, pads: list[int] | None = None, storage_order: int = 0,
    strides: list[int] | None = None,
) -> Unpack:  # fmt: skip
    """Channels first, in whose order the indices count."""
    rank = len(kernel_shape)
    last = Value(x.name, x.dtype, (x.dim(0), *(x.dim(a + 2) for a in range(rank)), x.dim(1)), str)
    strides, dilations, around, _ = window(
        last, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode
    )
    call = Symbol("max_pool_with_indices")(
        x, kernel_shape, strides, dilations, [list(pair) for pair in around], bool(storage_order)
    )
    return Unpack(call, 2)


def average_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: list[int] | None = None, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    strides, dilations, around, ceiling = window(
        x, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode
    )
    rank = len(kernel_shape)
    plain = all(d == 1 for d in dilations)
    if plain and padding(around) == "VALID":
        pool = Symbol(f"tf.nn.avg_pool{rank}d")
        return pool(x, kernel_shape, strides=strides, padding="VALID")
    counted = [[b, a - c] for (b, a), c in zip(around, ceiling, strict=True)]
    if not count_include_pad:
        counted = [[0, 0]] * rank
    outside = [
        [b - cb, a - ca] for (b, a), (cb, ca) in zip(around, counted, strict=True)
    ]  # padding that an average does not count
    return Symbol("average_pool")(
        x, kernel_shape, strides=strides, dilations=dilations, counted=counted, outside=outside
    )


def lp_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, p: int = 2, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    strides, dilations, around, _ = window(
        x, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode
    )
    full = [list(pair) for pair in around]
    count = 1
    for size in kernel_shape:
        count *= size
    mean = Symbol("average_pool")(
        tf.pow(tf.abs(x), float(p)), kernel_shape, strides=strides, dilations=dilations,
        counted=full, outside=[[0, 0]] * len(full),
    )  # fmt: skip
    return tf.pow(mean * float(count), 1.0 / p)


def _spatial_axes(x: Value) -> list[int]:
    return list(range(1, x.known_rank - 1))


def global_average_pool(x: Value) -> Expression:
    return tf.reduce_mean(x, axis=_spatial_axes(x), keepdims=True)


def global_max_pool(x: Value) -> Expression:
    return tf.reduce_max(x, axis=_spatial_axes(x), keepdims=True)


def global_lp_pool(x: Value, *, p: int = 2) -> Expression:
    total = tf.reduce_sum(tf.pow(tf.abs(x), float(p)), axis=_spatial_axes(x), keepdims=True)
    return tf.pow(total, 1.0 / p)
