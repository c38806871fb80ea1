"""Arrangement: axes, shapes, and parts of tensors by bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interop.converters.jax.exports.operation import Op, merged
from interop.converters.jax.exports.slices import reversed_along
from interop.converters.jax.exports.tensors import Dim, Refused, Size, Tensor
from interop.converters.jax.exports.writing import Writer


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
    return op.made(op.w.reshaped(op.w.full(x), sizes), sizes)


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
        left = size if left == 1 else w.size("Mul", left, size)
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


def reverse(op: Op) -> Tensor:
    x, axes = op.operands[0], op.integers("dimensions")
    order = x.order if x.thin is None else None
    held = op.w.held(x) if x.thin is None else op.w.full(x)
    return Tensor(reversed_along(op.w, held, [axis if order is None else order[axis] for axis in axes]),
                  x.dtype, x.sizes, order)  # fmt: skip


def iota(op: Op) -> Tensor:
    axis = op.number("iota_dimension")
    sizes = wanted(op, 0) if op.operands else op.sizes
    count = op.w.scalar(sizes[axis])
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
    "dynamic_reshape": reshape,
    "iota": iota,
    "reshape": reshape,
    "reverse": reverse,
    "transpose": transpose,
}
