"""Arrangement: axes, shapes, and parts of tensors by bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from interop.converters.jax.exports.operation import Op, merged
from interop.converters.jax.exports.tensors import Dim, Refused, Size, Tensor
from interop.converters.jax.exports.writing import Writer

_FAR = int(np.iinfo(np.int64).max)


def wanted(op: Op, operand: int) -> tuple[Dim, ...]:
    """The result's sizes, where an operand says those that its type leaves open."""
    numbers = op.operands[operand].numbers
    if numbers is not None:
        return merged(op.sizes, tuple(numbers.flat))
    vector = op.w.cast(op.w.full(op.operands[operand]), op.operands[operand].dtype, "int64")
    given = []
    for axis, size in enumerate(op.sizes):
        name = op.w.once("Gather", vector, op.w.constant(axis), axis=0)
        given.append(Size(name, ("entry", vector, axis)) if size is None else size)
    return tuple(given)


def broadcast(op: Op) -> Tensor:
    """(x, perhaps the shape): axis i of x becomes axis dims[i]. Nothing is written before it must be."""
    x = op.operands[0]
    dims = op.integers("broadcast_dimensions")
    sizes = wanted(op, 1) if len(op.operands) > 1 else op.sizes
    sizes = merged(sizes, _spread_sizes(x, dims, len(sizes)))
    kept = [
        axis for axis, place in enumerate(dims)
        if x.sizes[axis] != 1 and (x.thin is None or axis in x.thin)
    ]  # fmt: skip
    if len(kept) == len(sizes) and dims == sorted(dims):
        return Tensor(x.name, x.dtype, sizes, x.order, x.thin, x.numbers)
    order = sorted(kept, key=lambda axis: dims[axis])
    core = name = only(op.w, x, order)
    places = [dims[axis] for axis in order]
    if places and places != list(range(places[0], len(sizes))):
        gaps = [place - places[0] for place in range(places[0], len(sizes)) if place not in places]
        name = op.w.once("Unsqueeze", name, op.w.constant(gaps))
    return Tensor(name, x.dtype, sizes, thin=tuple(places), core=core)


def _spread_sizes(x: Tensor, dims: Sequence[int], rank: int) -> list[Dim]:
    found: list[Dim] = [None] * rank
    for axis, place in enumerate(dims):
        found[place] = x.sizes[axis] if x.sizes[axis] != 1 else None
    return found


def only(w: Writer, x: Tensor, axes: list[int]) -> str:
    """x with these of its axes, in that order; the others are of size 1, or thin."""
    if x.thin is None:
        name, held = w.full(x), list(range(x.rank))
    elif x.core:
        name, held = x.core, list(x.thin)
    else:
        name, held = w.held(x), list(range(x.thin[0], x.rank)) if x.thin else []
    gone = [place for place, axis in enumerate(held) if axis not in axes]
    if gone:
        name = w.once("Squeeze", name, w.constant(gone))
    left = [axis for axis in held if axis in axes]
    perm = [left.index(axis) for axis in axes]
    return name if perm == sorted(perm) else w.once("Transpose", name, perm=perm)


def transpose(op: Op) -> Tensor:
    x, perm = op.operands[0], op.integers("permutation")
    sizes = merged(op.sizes, [x.sizes[axis] for axis in perm])
    if x.thin is not None:
        if not x.thin:
            return Tensor(x.name, x.dtype, sizes, thin=())
        return op.made(op.w.arranged(x, perm), sizes)
    own = range(x.rank) if x.order is None else x.order
    order = tuple(own[axis] for axis in perm)
    plain = order == tuple(range(x.rank))
    return Tensor(op.w.held(x), x.dtype, sizes, None if plain else order)


def reshape(op: Op) -> Tensor:
    x = op.operands[0]
    sizes = wanted(op, 1) if len(op.operands) > 1 else op.sizes
    sizes = _completed(op.w, x, sizes)
    if x.thin == ():
        return Tensor(x.name, x.dtype, sizes, thin=())
    if sizes == tuple(op.w.dims(x)):
        return x
    dropped = _without_ones(op.w, x, sizes)
    if dropped is not None:
        return op.made(dropped, sizes)
    return op.made(op.w.reshaped(op.w.full(x), sizes), sizes)  # type: ignore[arg-type]


def _without_ones(w: Writer, x: Tensor, sizes: Sequence[Dim]) -> str | None:
    """Where only axes of size 1 go."""
    left = [axis for axis, size in enumerate(x.sizes) if size != 1]
    if [x.sizes[axis] for axis in left] != list(sizes) or None in sizes:
        return None
    return only(w, x, left) if x.thin is None or set(left) <= set(x.thin) else None


def _completed(w: Writer, x: Tensor, sizes: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """A plain reshape of open sizes keeps the number of entries, so one that is open is what is left."""
    if None not in sizes:
        return sizes
    if sum(size is None for size in sizes) > 1:
        raise Refused("a reshape with several open sizes that nothing says")
    rest = [size for size in sizes if size is not None]
    given = list(w.dims(x))
    for size in list(rest):
        if size in given:
            given.remove(size)
            rest.remove(size)
    left: int | Size = 1
    for size in given:
        left = size if left == 1 else left * size if isinstance(left, int) and isinstance(size, int) else w.size("Mul", left, size)  # fmt: skip
    for size in rest:
        left = w.size("Div", left, size)
    return tuple(left if size is None else size for size in sizes)


def concatenate(op: Op) -> Tensor:
    axis = op.number("dimension")
    first = op.operands[0]
    order = first.order
    place = axis if order is None else order[axis]
    names = [_ordered(op.w, value, order) for value in op.operands]
    sizes: list[Dim] = list(op.w.sizes(op.operands))
    sizes[axis] = None
    name = names[0] if len(names) == 1 else op.w.once("Concat", *names, axis=place)
    return Tensor(name, op.dtype, merged(op.sizes, sizes), order)


def _ordered(w: Writer, x: Tensor, order: tuple[int, ...] | None) -> str:
    if x.order == order and x.thin is None:
        return w.held(x)
    places = list(range(x.rank)) if order is None else list(order)
    return w.arranged(x, [places.index(axis) for axis in range(x.rank)])


def sliced(op: Op, x: Tensor, first: Sequence[Any], last: Sequence[Any], steps: Sequence[Any]) -> Tensor:
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
        for axis in range(int(np.prod(x.sizes)))  # type: ignore[arg-type]
    ]


def real_dynamic_slice(op: Op) -> Tensor:
    return sliced(op, op.operands[0], *(vector_of(op, index) for index in (1, 2, 3)))


def starts(op: Op, operands: Sequence[Tensor], x: Tensor, extent: Sequence[int | Size]) -> list[Any]:
    """Where a window of that extent begins, kept within x as the machine does."""
    from interop.converters.jax.exports.integers import kept_within

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


def _updated_block(op: Op, x: Tensor, update: Tensor, first: Sequence[Any], extent: Sequence[Any]) -> Tensor:
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
        low, high, inner = (op.integers(name) for name in names)  # type: ignore[misc]
    value, name = op.w.full(op.operands[1]), op.w.full(x)
    sizes: list[Dim] = [
        size if (before, after, between) == (0, 0, 0) else None
        for size, before, after, between in zip(x.sizes, low, high, inner, strict=True)
    ]
    name = with_gaps(op.w, x, name, value, inner)
    return op.made(padded(op.w, name, value, low, high), sizes)


def _cut(w: Writer, name: str, low: Sequence[Any], high: Sequence[Any]) -> tuple[str, list[Any], list[Any]]:
    """What negative padding takes away; returns what is left to be added."""

    def taken(one: Any) -> int:
        return -one if isinstance(one, int) and one < 0 else 0

    axes = [axis for axis in range(len(low)) if taken(low[axis]) or taken(high[axis])]
    first = [taken(low[axis]) for axis in axes]
    last = [-taken(high[axis]) or _FAR for axis in axes]
    name = w.once("Slice", name, w.constant(first), w.constant(last), w.constant(axes))
    rest = [[0 if taken(one) else one for one in part] for part in (low, high)]
    return name, *rest  # type: ignore[return-value]


def with_gaps(w: Writer, x: Tensor, name: str, value: str, inner: Sequence[Any]) -> str:
    """With so many entries of `value` between the entries along each axis.

    Each entry gets its gap behind it along an axis of its own, and the last gap is cut off.
    """
    dims = w.dims(x)
    for axis, gap in enumerate(inner):
        if gap == 0:
            continue
        name = w.once("Unsqueeze", name, w.constant([axis + 1]))
        ends = [0] * (2 * (x.rank + 1))
        tail: list[Any] = list(ends)
        tail[x.rank + 1 + axis + 1] = gap
        name = w.once("Pad", name, w.vector(tail), value)
        step = w.plus(gap, 1)
        total = w.size("Mul", dims[axis], step) if isinstance(dims[axis], Size) or isinstance(step, Size) else dims[axis] * step  # fmt: skip
        dims[axis] = total  # type: ignore[call-overload]
        name = w.reshaped(name, dims)
        keep = w.size("Sub", total, gap) if isinstance(total, Size) or isinstance(gap, Size) else total - gap
        dims[axis] = keep
        name = w.once("Slice", name, w.constant([0]), w.vector([keep]), w.constant([axis]))
    return name


def reverse(op: Op) -> Tensor:
    x, axes = op.operands[0], op.integers("dimensions")
    order = x.order if x.thin is None else None
    held = op.w.held(x) if x.thin is None else op.w.full(x)
    return Tensor(reversed_along(op.w, held, [axis if order is None else order[axis] for axis in axes]),
                  x.dtype, x.sizes, order)  # fmt: skip


def reversed_along(w: Writer, name: str, axes: Sequence[int]) -> str:
    count = len(axes)
    parts = ([-1] * count, [-_FAR] * count, list(axes), [-1] * count)
    return w.once("Slice", name, *(w.constant(part) for part in parts))


def iota(op: Op) -> Tensor:
    axis = op.number("iota_dimension")
    sizes = wanted(op, 0) if op.operands else op.sizes
    count = op.w.scalar(sizes[axis])  # type: ignore[arg-type]
    name = op.w.once("Range", op.w.constant(0), count, op.w.constant(1))
    name = op.w.cast(name, "int64", op.dtype)
    core, behind = name, len(sizes) - 1 - axis
    if behind:
        name = op.w.once("Unsqueeze", name, op.w.constant(list(range(1, behind + 1))))
    return Tensor(name, op.dtype, sizes, thin=(axis,), core=core)


def get_dimension_size(op: Op) -> Tensor:
    raise Refused("a size that is no integer")  # integers.py follows it


SHAPES: dict[str, Any] = {
    "broadcast_in_dim": broadcast,
    "concatenate": concatenate,
    "dynamic_broadcast_in_dim": broadcast,
    "dynamic_iota": iota,
    "dynamic_pad": pad,
    "dynamic_reshape": reshape,
    "dynamic_slice": dynamic_slice,
    "dynamic_update_slice": dynamic_update_slice,
    "iota": iota,
    "pad": pad,
    "real_dynamic_slice": real_dynamic_slice,
    "reshape": reshape,
    "reverse": reverse,
    "slice": slice_,
    "transpose": transpose,
}
