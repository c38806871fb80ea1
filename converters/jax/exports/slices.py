"""Parts of tensors by bounds, parts that are put there, and padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from interop.converters.jax.exports.operation import Op, merged
from interop.converters.jax.exports.sizes import kept_within
from interop.converters.jax.exports.tensors import Dim, Size, Tensor
from interop.converters.jax.exports.writing import Writer

_FAR = int(np.iinfo(np.int64).max)


def sliced(
    op: Op, x: Tensor, first: Sequence[Any], last: Sequence[Any], steps: Sequence[Any]
) -> Tensor:
    """x between bounds (int, or Size), by steps; whole axes are left alone."""
    dims = op.w.dims(x)
    parts = [
        axis for axis in range(x.rank)
        if not (first[axis] == 0 and steps[axis] == 1 and last[axis] == dims[axis])
    ]  # fmt: skip
    sizes: list[Dim] = [None if axis in parts else dims[axis] for axis in range(x.rank)]
    if parts == [0] and x.streams is not None and op.sizes[0] == 1:
        back = x.streams.backward(first[0])
        if back is not None:
            return x.streams.entry(x, back)
    if not parts:
        return Tensor(x.name, x.dtype, merged(op.sizes, sizes), x.order, x.thin, x.numbers)
    order = x.order if x.thin is None else None
    held = op.w.held(x) if x.thin is None else op.w.full(x)
    axes = [axis if order is None else order[axis] for axis in parts]
    bounds = [op.w.vector([part[axis] for axis in parts]) for part in (first, last)]
    strides = [steps[axis] for axis in parts]
    rest = [op.w.constant(axes)] + ([] if set(strides) == {1} else [op.w.vector(strides)])
    return Tensor(op.w.once("Slice", held, *bounds, *rest), x.dtype, merged(op.sizes, sizes), order)


def slice_(op: Op) -> Tensor:
    bounds = [op.integers(part) for part in ("start_indices", "limit_indices", "strides")]
    return sliced(op, op.operands[0], *bounds)


def vector_of(op: Op, operand: int) -> list[int | Size]:
    """The entries of a tensor of integers, one after the other."""
    x = op.operands[operand]
    if x.numbers is not None:
        return list(x.numbers.flat)
    vector = op.w.cast(op.w.full(x), x.dtype, "int64")
    if x.rank != 1:
        vector = op.w.once("Reshape", vector, op.w.constant([-1]))
    return [
        Size(op.w.once("Gather", vector, op.w.constant(axis), axis=0), ("entry", vector, axis))
        for axis in range(int(np.prod(x.sizes)))
    ]


def real_dynamic_slice(op: Op) -> Tensor:
    return sliced(op, op.operands[0], *(vector_of(op, index) for index in (1, 2, 3)))


def starts(
    op: Op, operands: Sequence[Tensor], x: Tensor, extent: Sequence[int | Size]
) -> list[Any]:
    """Where a window of that extent begins, kept within x as the machine does."""
    found = []
    for axis, operand in enumerate(operands):
        if operand.numbers is not None:
            start = operand.numbers.item()
        else:
            name = op.w.cast(op.w.full(operand), operand.dtype, "int64")
            start = Size(name, ("value", name))
        found.append(kept_within(op.w, start, op.w.dim(x, axis), extent[axis]))
    return found


def dynamic_slice(op: Op) -> Tensor:
    x, extent = op.operands[0], op.integers("slice_sizes")
    first = starts(op, op.operands[1:], x, extent)
    last = [op.w.plus(one, size) for one, size in zip(first, extent, strict=True)]
    return sliced(op, x, first, last, [1] * x.rank)


def dynamic_update_slice(op: Op) -> Tensor:
    """Along one axis, what is before, the update and what is behind; else by places."""
    x, update = op.operands[:2]
    extent, dims = op.w.dims(update), op.w.dims(x)
    first = starts(op, op.operands[2:], x, extent)
    parts = [axis for axis in range(x.rank) if extent[axis] != dims[axis]]
    if not parts:
        return update
    if parts == [0] and x.streams is not None and extent[0] == 1:
        back = x.streams.backward(first[0])
        if back is not None:
            return Tensor(x.name, x.dtype, x.sizes, row=(update, back))
    if len(parts) > 1:
        return _updated_block(op, x, update, first, extent)
    (axis,) = parts
    whole, new = op.w.full(x), op.w.full(update)
    cut = op.w.constant([axis])
    after = op.w.size("Add", first[axis], extent[axis])
    begin, end = op.w.vector([first[axis]]), op.w.vector([after])
    before = op.w.once("Slice", whole, op.w.constant([0]), begin, cut)
    behind = op.w.once("Slice", whole, end, op.w.constant([_FAR]), cut)
    return op.made(op.w.once("Concat", before, new, behind, axis=axis), dims)


def _updated_block(
    op: Op, x: Tensor, update: Tensor, first: Sequence[Any], extent: Sequence[Any]
) -> Tensor:
    """The update, padded with what x has around it: along each axis in turn."""
    w, dims = op.w, op.w.dims(x)
    after = [w.size("Add", a, b) for a, b in zip(first, extent, strict=True)]
    gaps = [w.size("Sub", size, end) for size, end in zip(dims, after, strict=True)]
    pads = w.vector([*first, *gaps])
    mask = w.once("Expand", w.constant(True, "bool"), w.vector(extent))
    inside = w.once("Pad", mask, pads, w.constant(False, "bool"))
    zero = w.constant(0, x.dtype)
    new = w.once("Pad", w.full(update), pads, zero)
    return op.made(w.once("Where", inside, new, w.full(x)), dims)


def padded(w: Writer, name: str, value: str, low: Sequence[Any], high: Sequence[Any]) -> str:
    """With so many entries of `value` before and behind along each axis; negative ones are cut off."""
    if any(isinstance(one, int) and one < 0 for one in (*low, *high)):
        name, low, high = _cut(w, name, low, high)
    if not any(one != 0 for one in (*low, *high)):
        return name
    return w.once("Pad", name, w.vector([*low, *high]), value)


def pad(op: Op) -> Tensor:
    """(x, value, perhaps low, high, interior)."""
    x = op.operands[0]
    if len(op.operands) > 2:
        low, high, inner = (vector_of(op, index) for index in (2, 3, 4))
    else:
        names = ("edge_padding_low", "edge_padding_high", "interior_padding")
        low, high, inner = (op.integers(name) for name in names)
    value, name = op.w.full(op.operands[1]), op.w.full(x)
    sizes: list[Dim] = [
        size if (before, after, between) == (0, 0, 0) else None
        for size, before, after, between in zip(x.sizes, low, high, inner, strict=True)
    ]
    name = with_gaps(op.w, x, name, value, inner)
    return op.made(padded(op.w, name, value, low, high), sizes)


def _cut(
    w: Writer, name: str, low: Sequence[Any], high: Sequence[Any]
) -> tuple[str, list[Any], list[Any]]:
    """What negative padding takes away; returns what is left to be added."""

    def taken(one: Any) -> int:
        return -one if isinstance(one, int) and one < 0 else 0

    axes = [axis for axis in range(len(low)) if taken(low[axis]) or taken(high[axis])]
    first = [taken(low[axis]) for axis in axes]
    last = [-taken(high[axis]) or _FAR for axis in axes]
    name = w.once("Slice", name, w.constant(first), w.constant(last), w.constant(axes))
    rest = [[0 if taken(one) else one for one in part] for part in (low, high)]
    return name, *rest


def with_gaps(w: Writer, x: Tensor, name: str, value: str, inner: Sequence[Any]) -> str:
    """With so many entries of `value` between the entries along each axis.

    Each entry gets its gap behind it along an axis of its own, and the last gap is cut off.
    """
    dims = w.dims(x)
    for axis, gap in enumerate(inner):
        if gap == 0:
            continue
        name = w.once("Unsqueeze", name, w.constant([axis + 1]))
        tail: list[Any] = [0] * (2 * (x.rank + 1))
        tail[x.rank + 1 + axis + 1] = gap
        name = w.once("Pad", name, w.vector(tail), value)
        step = w.plus(gap, 1)
        total = w.size("Mul", dims[axis], step)
        dims[axis] = total
        name = w.reshaped(name, dims)
        keep = w.size("Sub", total, gap)
        dims[axis] = keep
        name = w.once("Slice", name, w.constant([0]), w.vector([keep]), w.constant([axis]))
    return name


def reversed_along(w: Writer, name: str, axes: Sequence[int]) -> str:
    count = len(axes)
    parts = ([-1] * count, [-_FAR] * count, list(axes), [-1] * count)
    return w.once("Slice", name, *(w.constant(part) for part in parts))


SLICES: dict[str, Any] = {
    "dynamic_pad": pad,
    "dynamic_slice": dynamic_slice,
    "dynamic_update_slice": dynamic_update_slice,
    "pad": pad,
    "real_dynamic_slice": real_dynamic_slice,
    "slice": slice_,
}
