"""Operators that pick by index. ONNX counts negative indices from the end, and so does Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.keras.lowerings.common import cast, layer, length, ops, raw, taken

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Refusal, Value


def gather(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    table = isinstance(x, Constant) and x.constant.ndim == 2 and x.dtype == "float32" and axis == 0
    if table and indices.constant is None:
        sizes = x.required("table").shape
        return layer("Embedding", [raw(x)], [indices], *sizes, named=x)
    if indices.constant is not None:
        if indices.constant.ndim == 0:
            parts: list[Any] = [slice(None)] * (axis % x.known_rank)
            return x[(*parts, int(indices.constant))]
        picked = indices.constant
        count = x.dim(axis)
        if count is not None:
            picked = picked % count
        elif (picked < 0).any():
            raise Refusal("negative indices along a dynamic size")
        return ops.take(x, picked.tolist(), axis=axis)
    return ops.take(x, indices, axis=axis)


def gather_elements(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    axis %= x.known_rank
    picked = _from_start(indices, length(x, axis))
    source: Expression = x
    pairs = zip(x.shape or (), indices.shape or (), strict=True)
    unlike = [a != b for a, b in pairs]
    if any(one and a != axis for a, one in enumerate(unlike)):  # Keras would broadcast
        if None in (indices.shape or (None,)):
            raise Refusal("fewer rows of indices than data, and their number is not known")
        cut = [slice(None) if a == axis else slice(n) for a, n in enumerate(indices.shape or ())]
        source = taken(x, cut)
    return ops.take_along_axis(source, picked, axis=axis)


def _from_start(indices: Value, size: int | Expression) -> Any:
    """The indices with negative ones counted from the start."""
    if indices.constant is not None and (indices.constant >= 0).all():
        return indices
    if indices.known_dtype.startswith("uint"):
        return indices
    if isinstance(size, Expression):
        size = cast(size, indices.known_dtype)
    return ops.where(ops.less(indices, 0), ops.add(indices, size), indices)


def scatter_elements(
    x: Value, indices: Value, updates: Value, *, axis: int = 0, reduction: str = "none"
) -> Expression:
    axis %= x.known_rank
    picked = _from_start(indices, length(x, axis))
    return Symbol("scatter_elements")(x, picked, updates, axis, *_how(reduction))


def _how(reduction: str) -> list[str]:
    return [] if reduction == "none" else [reduction]


def scatter_nd(x: Value, indices: Value, updates: Value, *, reduction: str = "none") -> Expression:
    depth, shape = indices.dim(-1), x.shape
    if depth is None or shape is None:
        raise Refusal("the number of indices in a row is not known")
    sizes = [length(x, axis) for axis in range(depth)]
    return Symbol("scatter_nd")(x, indices, updates, sizes, *_how(reduction))


def non_zero(x: Value) -> Expression:
    if not x.known_rank:
        return cast(ops.transpose(ops.stack(ops.nonzero(ops.reshape(x, [1])), axis=0)), "int64")
    return cast(ops.stack(ops.nonzero(x), axis=0), "int64")


def compress(x: Value, condition: Value, *, axis: int | None = None) -> Expression:
    source: Any = x if axis is not None else ops.reshape(x, [-1])
    if condition.constant is not None:
        return ops.take(source, np.flatnonzero(condition.constant).tolist(), axis=axis or 0)
    return ops.take(source, ops.nonzero(condition)[0], axis=axis or 0)


def gather_nd(x: Value, indices: Value, *, batch_dims: int = 0) -> Expression:
    """Constant indices after the batch, or any where all of the indexed sizes are known."""
    shape, depth = x.shape, indices.dim(-1)
    if shape is None or depth is None:
        raise Refusal("the rank is not known")
    indexed = shape[batch_dims : batch_dims + depth]
    if indices.constant is not None and batch_dims == 0 and None not in indexed:
        return _constant_nd(x, indices.constant, 0)
    behind = list(shape[batch_dims + depth :]).count(None)
    if behind > 1 or (behind and None in shape[: batch_dims + depth]):
        raise Refusal("dynamic sizes behind the indexed ones")
    sizes = [length(x, batch_dims + axis) for axis in range(depth)]
    batches = [length(x, axis) for axis in range(batch_dims)]
    return Symbol("gather_nd")(x, indices, sizes, batches)


def _constant_nd(x: Value, indices: np.ndarray, batch: int) -> Expression:
    depth = indices.shape[-1]
    sizes = [x.dim(batch + a) for a in range(depth)]
    columns = [indices[..., a] for a in range(depth)]
    if None in sizes:
        raise Refusal("constant indices along a dynamic size")
    flat = np.ravel_multi_index(
        [c % s for c, s in zip(columns, sizes, strict=True)],  # type: ignore[operator]
        [s for s in sizes if s is not None],
    )
    rest = list(x.shape or ())[depth:]
    if rest.count(None) > 1:
        raise Refusal("dynamic sizes behind the indexed ones")
    count = int(np.prod([s for s in sizes if s is not None], dtype=np.int64))
    moved = ops.reshape(x, [count, *[-1 if d is None else d for d in rest]])
    return ops.take(moved, flat.tolist(), axis=0)


def one_hot(indices: Value, depth: Value, values: Value, *, axis: int = -1) -> Expression:
    if depth.constant is None or values.constant is None:
        raise Refusal("depth and values must be constant")
    count = int(depth.constant.reshape(-1)[0])
    off, on = (entry.item() for entry in values.constant)
    whole = cast(indices, "int64")
    picked = ops.where(ops.less(whole, 0), ops.add(whole, count), whole)
    if axis < -1:
        axis += indices.known_rank + 1
    axis = -1 if axis == indices.known_rank else axis
    hot = ops.one_hot(picked, count, axis=axis, dtype="bool")
    return cast(ops.where(hot, on, off), values.known_dtype)
