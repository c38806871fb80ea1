"""Pools over channels-last data."""

from __future__ import annotations

from typing import Any

from interop.converters.keras.lowerings.common import call, layers, ops
from interop.converters.keras.lowerings.convolution import padded

from interop.source.expression import Expression
from interop.source.values import Refusal, Value
from interop.source.windows import window


def _pool(
    kind: str, x: Any, kernel: list[int], strides: list[int], dtype: str | None
) -> Expression:
    rank = len(kernel)
    if rank > 3:
        raise Refusal(f"{rank} spatial dimensions")
    if dtype == "float32":
        made = getattr(layers, f"{kind.capitalize()}Pooling{rank}D")
        sized = (kernel[0], strides[0]) if rank == 1 else (kernel, strides)
        return call(made(sized[0], strides=sized[1]), x)
    function = ops.max_pool if kind == "max" else ops.average_pool
    return function(x, kernel, strides=strides)


def max_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, pads: list[int] | None = None, storage_order: int = 0,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    strides, dilations, around, _ = window(
        x, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode
    )
    if max(dilations) > 1:
        raise Refusal("Keras has no dilated pools")
    if not x.known_dtype.startswith("float"):
        raise Refusal("Keras pools no integers")
    lowest = float("-inf")
    return _pool("max", padded(x, around, lowest), kernel_shape, strides, x.dtype)


def average_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: list[int] | None = None, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    strides, dilations, around, ceiling = window(
        x, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode
    )
    if max(dilations) > 1:
        raise Refusal("Keras has no dilated pools")
    mean = _pool("average", padded(x, around), kernel_shape, strides, x.dtype)
    counted = count_include_pad and not any(ceiling)
    if counted or not any(before or after for before, after in around):
        return mean
    if count_include_pad:
        raise Refusal("padding counted but for that of ceil_mode is not covered")
    # Padding counts in no average: divide by the share of each window that is not padding.
    share = ops.average_pool(padded(ops.ones_like(x), around), kernel_shape, strides=strides)  # type: ignore[arg-type]
    return ops.divide(mean, share)


def _axes(x: Value) -> list[int]:
    return list(range(1, x.known_rank - 1))


def global_average_pool(x: Value) -> Expression:
    if x.dtype == "float32" and x.known_rank == 4:
        return call(layers.GlobalAveragePooling2D(keepdims=True), x)
    return ops.mean(x, axis=_axes(x), keepdims=True)


def global_max_pool(x: Value) -> Expression:
    if x.dtype == "float32" and x.known_rank == 4:
        return call(layers.GlobalMaxPooling2D(keepdims=True), x)
    return ops.max(x, axis=_axes(x), keepdims=True)
