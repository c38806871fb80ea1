"""Operators that pick and place by index. ONNX counts negative indices from the end; MXNet's
`take` does in mode "wrap", its other operators do not."""

from __future__ import annotations

from typing import Any

from interop.converters.mxnet.lowerings.common import legacy, mnp, npx, to

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Constant, Refusal, Value


def gather(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    return mnp.take(x, indices, axis=axis, mode="wrap")


def gather_elements(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    return Symbol("gather_elements")(
        x, _counted(x, indices, axis), axis % x.known_rank, x.known_rank
    )


def _counted(x: Value, indices: Value, axis: int) -> Expression:
    """Indices from the start."""
    if isinstance(indices, Constant) and not (indices.constant < 0).any():
        return indices
    size = x.dim(axis)
    if size is None:
        raise Refusal("indices that may be negative need a known size")
    return mnp.mod(indices, size)


def gather_nd(x: Value, indices: Value, *, batch_dims: int = 0) -> Expression:
    depth = indices.dim(-1)
    if x.shape is None or depth is None or None in x.shape[batch_dims : batch_dims + depth]:
        raise Refusal("GatherND needs a known shape")
    sizes = tuple(x.shape[batch_dims : batch_dims + depth])
    return Symbol("gather_nd")(x, indices, sizes, batch_dims, indices.known_rank)


def scatter_elements(
    x: Value, indices: Value, updates: Value, *, axis: int = 0, reduction: str = "none"
) -> Expression:
    if x.shape is None or None in x.shape:
        raise Refusal("ScatterElements needs a known shape")
    return Symbol("scatter_elements")(
        x, _counted(x, indices, axis), updates, x.shape, axis % x.known_rank, _kind(x, reduction)
    )


def scatter_nd(x: Value, indices: Value, updates: Value, *, reduction: str = "none") -> Expression:
    depth = indices.dim(-1)
    if x.shape is None or None in x.shape or depth is None:
        raise Refusal("ScatterND needs a known shape")
    kind = _kind(x, reduction)
    return Symbol("scatter_nd")(x, indices, updates, x.shape, depth, kind)


def _kind(x: Value, reduction: str) -> str:
    if reduction not in ("none", "add"):
        raise Refusal(f"MXNet has no scatter with reduction '{reduction}'")
    return reduction


def one_hot(
    indices: Value, depth: Value, values: Value, *, axis: int = -1, node: Node
) -> Expression:
    shape = node.outputs[0].shape
    count: Any = None if shape is None else shape[axis]
    if depth.constant is not None:
        count = int(depth.constant.reshape(-1)[0])
    if count is None:
        raise Refusal(f"depth ('{depth.name}') must be constant")
    whole = to(indices, "int64")
    places = mnp.where(whole < 0, whole + count, whole)
    hot = npx.one_hot(places, count, dtype="int32")
    if axis % (indices.known_rank + 1) != indices.known_rank:
        hot = mnp.moveaxis(hot, -1, axis)
    off = npx.slice(values, begin=(0,), end=(1,))
    on = npx.slice(values, begin=(1,), end=(2,))
    return mnp.where(to(hot, "bool"), on, off)


def compress(x: Value, condition: Value, *, axis: int | None = None) -> Expression:
    """How many entries are left, MXNet finds out as it runs."""
    mask = to(condition, "float32")
    length = condition.dim(0)
    data: Expression = mnp.reshape(x, (-1,)) if axis is None else x
    if axis is not None and axis % x.known_rank:
        data = mnp.swapaxes(x, 0, axis)
    if length is None:
        raise Refusal("the number of conditions must be known")
    # What lies beyond the conditions is not taken.
    kept = legacy("contrib.boolean_mask", npx.slice(data, begin=(0,), end=(length,)), mask)
    return mnp.swapaxes(kept, 0, axis) if axis is not None and axis % x.known_rank else kept


def non_zero(x: Value) -> Expression:
    if x.known_rank == 0:
        raise Refusal("NonZero of a single number")
    return mnp.transpose(npx.nonzero(x))


def reverse_sequence(
    x: Value, lengths: Value, *, batch_axis: int = 1, time_axis: int = 0
) -> Expression:
    """MXNet's has time first and batch second."""
    if (time_axis, batch_axis) not in ((0, 1), (1, 0)):
        raise Refusal("time and batch are not the first two axes")
    swap = time_axis == 1
    order = (1, 0, *range(2, x.known_rank))
    data = mnp.transpose(x, order) if swap else x
    counts = to(lengths, "float32")
    result = legacy("SequenceReverse", data, counts, use_sequence_length=True)
    return mnp.transpose(result, order) if swap else result
