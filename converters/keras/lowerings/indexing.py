"""Operators that pick by index. ONNX counts negative indices from the end, and so does Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.keras.lowerings.common import cast, layer, ops, raw

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
        size = x.dim(axis)
        if size is not None:
            picked = picked % size
        elif (picked < 0).any():
            raise Refusal("negative indices along a dynamic size")
        return ops.take(x, picked.tolist(), axis=axis)
    return ops.take(x, indices, axis=axis)


def gather_elements(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    return ops.take_along_axis(x, _from_start(indices, x.dim(axis)), axis=axis)


def _from_start(indices: Value, size: int | None) -> Any:
    """The indices with negative ones counted from the start."""
    if indices.constant is not None and (indices.constant >= 0).all():
        return indices
    if size is None:
        raise Refusal("indices, which may be negative, along a dynamic size")
    return ops.where(ops.less(indices, 0), ops.add(indices, size), indices)


def gather_nd(x: Value, indices: Value, *, batch_dims: int = 0) -> Expression:
    """Constant indices after the batch, or any where all of the indexed sizes are known."""
    shape, depth = x.shape, indices.dim(-1)
    if shape is None or depth is None:
        raise Refusal("the rank is not known")
    indexed = shape[batch_dims : batch_dims + depth]
    if indices.constant is not None and batch_dims == 0:
        return _constant_nd(x, indices.constant, 0)
    if None in indexed or batch_dims:
        raise Refusal("indices that depend on data along dynamic sizes")
    sizes = [int(d) for d in indexed if d is not None]
    steps = [int(np.prod(sizes[i + 1 :], dtype=np.int64)) for i in range(depth)]
    return Symbol("gather_nd")(x, indices, sizes, steps)


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
    size = int(depth.constant.reshape(-1)[0])
    off, on = (entry.item() for entry in values.constant)
    whole = cast(indices, "int64")
    picked = ops.where(ops.less(whole, 0), ops.add(whole, size), whole)
    if axis < -1:
        axis += indices.known_rank + 1
    hot = ops.one_hot(picked, size, axis=axis, dtype="bool")
    return cast(ops.where(hot, on, off), values.known_dtype)
