"""Operators that pick and place by index. ONNX counts negative indices from the end."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tensorflow.lowerings.common import axis_size, dtype, tf

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Unpack, Value


def _from_start(indices: Value, size: Any) -> Any:
    """The indices with negative ones counted from the start; constants at conversion."""
    if indices.constant is not None:
        if (indices.constant >= 0).all():
            return indices
        if isinstance(size, int):
            return (indices.constant % size).astype(indices.constant.dtype)
    return tf.where(indices < 0, indices + tf.cast(size, dtype(indices.known_dtype)), indices)


def gather(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    if indices.constant is not None and indices.constant.ndim == 0 and x.shape is not None:
        parts: list[Any] = [slice(None)] * (axis % x.known_rank)
        return x[(*parts, int(indices.constant))]
    picked = _from_start(indices, axis_size(x, axis))
    if isinstance(picked, np.ndarray):
        picked = picked.tolist()
    return tf.gather(x, picked, axis=axis) if axis else tf.gather(x, picked)


def gather_elements(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    return Symbol("gather_elements")(x, indices, axis % x.known_rank)


def gather_nd(x: Value, indices: Value, *, batch_dims: int = 0) -> Expression:
    depth = indices.dim(-1)
    if depth is None:
        raise Refusal("the number of indices in a row is not known")
    return Symbol("gather_nd")(x, indices, batch_dims, depth)


def scatter_elements(
    x: Value, indices: Value, updates: Value, *, axis: int = 0, reduction: str = "none"
) -> Expression:
    return Symbol("scatter_elements")(x, indices, updates, axis % x.known_rank, reduction)


def scatter_nd(x: Value, indices: Value, updates: Value, *, reduction: str = "none") -> Expression:
    return Symbol("scatter_nd")(x, indices, updates, reduction)


def one_hot(indices: Value, depth: Value, values: Value, *, axis: int = -1) -> Expression:
    size: Any = depth.ints("depth")[0] if depth.constant is not None else tf.cast(
        tf.reshape(depth, []), tf.int32
    )  # fmt: skip
    whole = tf.cast(indices, tf.int64)
    picked = tf.where(whole < 0, whole + tf.cast(size, tf.int64), whole)
    if axis < -1:
        axis += indices.known_rank + 1
    return tf.one_hot(
        picked, size, on_value=values[1], off_value=values[0], axis=axis,
        dtype=dtype(values.known_dtype),
    )  # fmt: skip


def non_zero(x: Value) -> Expression:
    return tf.transpose(tf.where(tf.not_equal(x, tf.zeros_like(x))))


def compress(x: Value, condition: Value, *, axis: int | None = None) -> Expression:
    source: Any = x if axis is not None else tf.reshape(x, [-1])
    keep = tf.reshape(tf.where(condition), [-1])
    return tf.gather(source, keep, axis=axis or 0)


def unique(x: Value, *, axis: int | None = None, sorted: int = 1) -> Unpack:
    return Unpack(Symbol("unique")(x, axis, bool(sorted)), 4)


def reverse_sequence(
    x: Value, lengths: Value, *, batch_axis: int = 1, time_axis: int = 0
) -> Expression:
    return tf.reverse_sequence(x, lengths, seq_axis=time_axis, batch_axis=batch_axis)
