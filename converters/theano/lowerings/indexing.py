"""Operators that pick and place by index. ONNX and Theano count negative indices from the end."""

from __future__ import annotations

from typing import Any

from interop.converters.theano.lowerings.common import T, integer, to, variable

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value


def gather(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    along = axis % x.known_rank
    source = variable(x)
    if indices.constant is not None and indices.constant.ndim == 0:
        return source[(*[slice(None)] * along, int(indices.constant))]
    return T.take(source, indices, axis=along)


def gather_elements(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    return Symbol("along_axis")(x, indices, axis % x.known_rank)


def gather_nd(x: Value, indices: Value, *, batch_dims: int = 0) -> Expression:
    return Symbol("gather_nd")(x, indices, _depth(indices), batch_dims)


def _depth(indices: Value) -> int:
    depth = indices.dim(-1)
    if depth is None:
        raise Refusal("how many axes the indices are of must be known")
    return depth


def _kind(reduction: str) -> bool:
    """Whether what is placed is added."""
    if reduction not in ("none", "add"):
        raise Refusal(f"Theano has no scatter with reduction '{reduction}'")
    return reduction == "add"


def scatter_elements(
    x: Value, indices: Value, updates: Value, *, axis: int = 0, reduction: str = "none"
) -> Expression:
    return Symbol("scatter_elements")(x, indices, updates, axis % x.known_rank, _kind(reduction))


def scatter_nd(x: Value, indices: Value, updates: Value, *, reduction: str = "none") -> Expression:
    return Symbol("scatter_nd")(x, indices, updates, _depth(indices), _kind(reduction))


def one_hot(indices: Value, depth: Value, values: Value, *, axis: int = -1) -> Expression:
    count: Any = integer(depth)
    if not isinstance(count, int) and depth.dtype != "int64":
        count = to(count, "int64")
    rank = indices.known_rank
    return Symbol("one_hot")(to(indices, "int64"), count, values, axis % (rank + 1))


def compress(x: Value, condition: Value, *, axis: int | None = None) -> Expression:
    data: Expression = T.flatten(x) if axis is None else x
    chosen = T.nonzero(condition)[0]
    return T.take(data, chosen, axis=0 if axis is None else axis % x.known_rank)


def non_zero(x: Value) -> Expression:
    if x.known_rank == 0:
        raise Refusal("NonZero of a single number")
    return T.stack(T.nonzero(x))


def reverse_sequence(
    x: Value, lengths: Value, *, batch_axis: int = 1, time_axis: int = 0
) -> Expression:
    return Symbol("reverse_sequence")(x, lengths, batch_axis, time_axis)
