"""Operators that reduce over axes, or run along one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interop.converters.tensorflow.lowerings.common import INTEGERS, Lowering, dtype, tf

from interop.source.expression import Expression, Symbol
from interop.source.values import Unpack, Value


def reduction(function: Callable[..., Expression], before: Callable[[Any], Any] | None = None,
              after: Callable[[Any], Any] | None = None) -> Lowering:  # fmt: skip
    """`after(function(before(x)))` over the axes, which are an input since opset 18."""
    floating = (tf.reduce_logsumexp.text,)

    def lowering(
        x: Value, axes: Value | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Expression:
        axis: Any
        if axes is None or axes.shape == (0,):
            axis = [] if noop_with_empty_axes else None
        elif axes.constant is not None:
            axis = axes.ints("axes") or ([] if noop_with_empty_axes else None)
        elif axes.dim(0) is None:
            axis = Symbol("axes_or_all")(axes, x, bool(noop_with_empty_axes))
        else:
            axis = axes
        if x.dtype == "bool":  # where the least and the largest are logic
            logical = {tf.reduce_max.text: tf.reduce_any, tf.reduce_min.text: tf.reduce_all}
            return logical[str(function)](x, **_options(axis, keepdims))
        source: Any = x
        if x.known_dtype in INTEGERS and (str(function) in floating or after is not None):
            source = tf.cast(x, tf.float64)
        unsigned = str(before) == "tf.abs" and x.known_dtype.startswith("uint")
        value = source if before is None or unsigned else before(source)
        result = function(value, **_options(axis, keepdims))
        result = after(result) if after is not None else result
        return result if source is x else tf.cast(result, dtype(x.known_dtype))

    return lowering


def _options(axis: Any, keepdims: int) -> dict[str, Any]:
    options: dict[str, Any] = {} if axis is None else {"axis": axis}
    if keepdims:
        options["keepdims"] = True
    return options


def arg(function: Symbol) -> Lowering:
    def lowering(
        x: Value, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Expression:
        if select_last_index:
            size = tf.shape(x, out_type=tf.int64)[axis]
            found = size - 1 - function(tf.reverse(x, axis=[axis]), axis=axis)
        else:
            found = function(x, axis=axis)
        return tf.expand_dims(found, axis) if keepdims else found

    return lowering


def softmax(x: Value, *, axis: int = -1) -> Expression:
    return tf.nn.softmax(x) if axis in (-1, x.known_rank - 1) else tf.nn.softmax(x, axis=axis)


def log_softmax(x: Value, *, axis: int = -1) -> Expression:
    return tf.nn.log_softmax(x, axis=axis)


def hardmax(x: Value, *, axis: int = -1) -> Expression:
    return tf.one_hot(
        tf.argmax(x, axis=axis), tf.shape(x)[axis], axis=axis, dtype=dtype(x.known_dtype)
    )


def cum_sum(x: Value, axis: Value, *, exclusive: int = 0, reverse: int = 0) -> Expression:
    return tf.cumsum(x, **_running(axis, exclusive, reverse))


def cum_prod(x: Value, axis: Value, *, exclusive: int = 0, reverse: int = 0) -> Expression:
    return tf.math.cumprod(x, **_running(axis, exclusive, reverse))


def _running(axis: Value, exclusive: int, reverse: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "axis": axis.ints("axis")[0] if axis.constant is not None else tf.reshape(axis, [])
    }
    if exclusive:
        options["exclusive"] = True
    if reverse:
        options["reverse"] = True
    return options


def top_k(x: Value, k: Value, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> Unpack:
    count: Any = k.ints("K")[0] if k.constant is not None else tf.reshape(k, [])
    return Unpack(Symbol("top_k")(x, count, axis, bool(largest)), 2)


def lp_normalization(x: Value, *, axis: int = -1, p: int = 2) -> Expression:
    if p == 1:
        return tf.math.divide_no_nan(x, tf.reduce_sum(tf.abs(x), axis=axis, keepdims=True))
    return tf.math.divide_no_nan(x, tf.norm(x, axis=axis, keepdims=True))
