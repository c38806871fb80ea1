"""Operators that reduce over axes, or run along one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from interop.converters.keras.lowerings.common import (
    Lowering,
    axes_of,
    call,
    cast,
    layers,
    ops,
    static,
    taken,
)

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Unpack, Value


def reduction(function: Symbol, before: Callable[[Any], Any] | None = None,
              after: Callable[[Any], Any] | None = None) -> Lowering:  # fmt: skip
    """`after(function(before(x)))` over the axes, which are an input since opset 18."""

    def lowering(
        x: Value, axes: Value | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Expression:
        axis = axes_of(axes)
        value = before(x) if before is not None else x
        if not axis:
            if noop_with_empty_axes:
                result = ops.copy(x) if value is x else value
                return after(result) if after is not None else result
            axis = None
        options: dict[str, Any] = {} if axis is None else {"axis": axis}
        if function.text in ("ops.max", "ops.min") and 0 in (x.shape or ()):
            options["initial"] = _neutral(x.known_dtype, largest=function.text == "ops.min")
        if keepdims:
            options["keepdims"] = True
        result = function(value, **options)
        if after is not None:
            result = after(result)
        if x.known_dtype in ("bool", "int8", "int16", "uint8", "uint16", "int32", "uint32"):
            return cast(result, x.known_dtype)
        return result

    return lowering


def _neutral(dtype: str, largest: bool) -> Any:
    """What takes no part in a minimum (`largest`) or a maximum."""
    if dtype == "bool":
        return largest
    if dtype.startswith("float") or dtype == "bfloat16":
        return float("inf") if largest else float("-inf")
    limits = np.iinfo(dtype)
    return int(limits.max if largest else limits.min)


def arg(function: Callable[..., Expression]) -> Lowering:
    def lowering(
        x: Value, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Expression:
        options = {"keepdims": True} if keepdims else {}
        if not select_last_index:
            return cast(function(x, axis=axis, **options), "int64")
        size = x.dim(axis)
        last = x.size(axis) if size is None else size
        found = function(ops.flip(x, axis=axis), axis=axis, **options)
        return cast(ops.subtract(static_size(last) - 1, found), "int64")

    return lowering


def static_size(size: int | Expression) -> int:
    if not isinstance(size, int):
        raise Refusal("the last of equals along a dynamic size")
    return size


def softmax(x: Value, *, axis: int = -1) -> Expression:
    if x.dtype == "float32" and axis in (-1, x.known_rank - 1):
        return call(layers.Softmax(), x)
    return ops.softmax(x, axis=axis)


def log_softmax(x: Value, *, axis: int = -1) -> Expression:
    return ops.log_softmax(x, axis=axis)


def hardmax(x: Value, *, axis: int = -1) -> Expression:
    axis %= x.known_rank
    place = -1 if axis == x.known_rank - 1 else axis
    size = static_size(x.size(axis))
    return ops.one_hot(ops.argmax(x, axis=axis), size, axis=place, dtype=x.known_dtype)


def cumulated(function: Callable[..., Expression], neutral: int) -> Lowering:
    def lowering(x: Value, axis: Value, *, exclusive: int = 0, reverse: int = 0) -> Expression:
        position = static(axis, "axis")[0] % x.known_rank
        source: Any = ops.flip(x, axis=position) if reverse else x
        if exclusive:  # moved on by one
            before = [[0, 0]] * x.known_rank
            before[position] = [1, 0]
            source = ops.pad(source, before, constant_values=neutral)
            source = taken(source, [*[slice(None)] * position, slice(-1)])
        total = cast(function(source, axis=position), x.known_dtype)
        return ops.flip(total, axis=position) if reverse else total

    return lowering


def top_k(x: Value, k: Value, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> Any:
    count, axis = static(k, "k")[0], axis % x.known_rank
    last, signed = axis == x.known_rank - 1, not x.known_dtype.startswith("uint")
    if last and largest:
        return Unpack(Symbol("top_k")(x, count), 2)
    order = [a for a in range(x.known_rank) if a != axis] + [axis]
    moved: Any = x if last else ops.transpose(x, order)
    return Unpack(Symbol("top_k_along")(moved, count, bool(largest), signed, order), 2)


def lp_normalization(x: Value, *, axis: int = -1, p: int = 2) -> Expression:
    if p == 1:
        size = ops.sum(ops.abs(x), axis=axis, keepdims=True)
    else:
        size = ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=True))
    return ops.divide_no_nan(x, size)
