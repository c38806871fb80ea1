"""Operators that pick and place by index. ONNX counts negative indices from the end."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.torch.lowerings.common import FLOATS, integer, to, torch

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Value


def gather(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    place: Any = indices
    if indices.constant is not None and indices.constant.ndim <= 1:
        place = indices.constant.tolist()
    elif isinstance(x, Constant) and axis == 0 and x.known_rank == 2 and x.dtype in FLOATS:
        return Symbol("embedding")(x, indices)
    if axis < 0 or x.shape is not None:
        axis = axis % x.known_rank
    return x[(*[slice(None)] * axis, place)] if axis else x[place]


def _from_start(indices: Value, size: Any) -> Expression:
    """The indices as int64, negative ones counted from the start; constants at conversion."""
    whole = indices if indices.dtype == "int64" else to(indices, "int64")
    if indices.constant is not None:
        if (indices.constant >= 0).all():
            return whole
        if isinstance(size, int) and isinstance(indices, Constant):
            return indices.stored((indices.constant % size).astype(np.int64), "from_start")
    return torch.where(whole < 0, whole + size, whole)


def gather_elements(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    return torch.gather(x, axis, _from_start(indices, x.size(axis)))


def gather_nd(x: Value, indices: Value, *, batch_dims: int = 0) -> Expression:
    return Symbol("gather_nd")(x, indices, batch_dims)


_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def scatter_elements(
    x: Value, indices: Value, updates: Value, *, axis: int = 0, reduction: str = "none"
) -> Expression:
    places = _from_start(indices, x.size(axis))
    if reduction == "none":
        return torch.scatter(x, axis, places, updates)
    return torch.scatter_reduce(x, axis, places, updates, _REDUCTIONS[reduction])


def scatter_nd(x: Value, indices: Value, updates: Value, *, reduction: str = "none") -> Expression:
    return Symbol("scatter_nd")(x, indices, updates, _REDUCTIONS.get(reduction))


def one_hot(indices: Value, depth: Value, values: Value, *, axis: int = -1) -> Expression:
    return Symbol("one_hot")(indices, _depth(depth), values, axis)


def _depth(depth: Value) -> Any:
    if depth.constant is not None:
        return int(depth.constant.reshape(-1)[0])
    return Symbol("int")(integer(depth))


def compress(x: Value, condition: Value, *, axis: int | None = None) -> Expression:
    source: Expression = torch.flatten(x) if axis is None else x
    places = torch.nonzero(condition).method("squeeze", 1)
    return torch.index_select(source, axis or 0, places)


def non_zero(x: Value) -> Expression:
    return torch.nonzero(x).method("t")


def reverse_sequence(
    x: Value, lengths: Value, *, batch_axis: int = 1, time_axis: int = 0
) -> Expression:
    return Symbol("reverse_sequence")(x, lengths, batch_axis, time_axis)
