"""Operators that move entries, and compute nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from interop.converters.caffe.building import Net
from interop.converters.caffe.lowerings.common import Node, known, part, shaped, sizes

from interop.source.values import Refusal, Value

#: Caffe moves an axis by slicing it into single entries: not more than these.
_SLICES = 64


def reshaped(net: Net, node: Node, x: Value, *_: Value | None, **__: Any) -> Value:
    """To the shape that is known: Reshape, Flatten, Squeeze, Unsqueeze."""
    return shaped(net, x, node.shape)


def concat(net: Net, node: Node, *parts: Value, axis: int) -> Value:
    if len(parts) == 1:
        return parts[0]
    return net.add("Concat", parts, node.shape, axis=axis % parts[0].known_rank)


def split(
    net: Net, node: Node, x: Value, lengths: Value | None = None, *, axis: int = 0,
    num_outputs: int | None = None,
) -> Any:  # fmt: skip
    axis %= x.known_rank
    if len(node.shapes) == 1:
        return x
    shapes = [node.shape_of(index) for index in range(len(node.shapes))]
    points = [0]
    for shape in shapes[:-1]:
        points.append(points[-1] + (shape[axis] or 0))
    known(x, axis)
    return tuple(net.several("Slice", [x], shapes, axis=axis, slice_point=points[1:]))


def slice_(
    net: Net, node: Node, x: Value, starts: Value, ends: Value, axes: Value | None = None,
    steps: Value | None = None,
) -> Value:  # fmt: skip
    first, last = starts.ints("the starts"), ends.ints("the ends")
    along = list(range(len(first))) if axes is None else axes.ints("the axes")
    by = [1] * len(first) if steps is None else steps.ints("the steps")
    for axis, start, end, step in zip(along, first, last, by, strict=True):
        axis %= x.known_rank
        if step != 1:
            raise Refusal(f"a slice by steps of {step}")
        if sizes(x)[axis] is None and start == 0 and end >= 2**31 - 1:
            continue  # all of the batch
        begin, stop, _ = slice(start, end).indices(known(x, axis))
        if begin >= stop:
            raise Refusal("a slice of nothing")
        x = part(net, x, axis, begin, stop)
    return x


def gather(net: Net, node: Node, x: Value, indices: Value, *, axis: int = 0) -> Value:
    """One entry of an axis, as a slice."""
    places = indices.ints("the indices")
    axis %= x.known_rank
    size = known(x, axis)
    places = [place % size for place in places]
    if any(after - before != 1 for before, after in pairwise(places)):
        raise Refusal("entries that do not follow each other")
    return shaped(net, part(net, x, axis, places[0], places[-1] + 1), node.shape)


def transpose(net: Net, node: Node, x: Value, *, perm: list[int] | None = None) -> Value:
    """A Reshape where only axes of size 1 move; else one axis in single entries, joined elsewhere."""
    shape = sizes(x)
    order = perm or list(range(len(shape)))[::-1]
    long = [axis for axis in order if shape[axis] != 1]
    if long == sorted(long):
        return shaped(net, x, node.shape)
    moves = [(shape[axis] or 0, axis) for axis in long if _only(axis, long) and shape[axis]]
    if not moves or min(moves)[0] > _SLICES:
        raise Refusal("Caffe cannot move axes, but by slices of them, and these would be too many")
    _, axis = min(moves)
    count = known(x, axis)
    thin = tuple(1 if a == axis else size for a, size in enumerate(shape))
    slices = net.several("Slice", [x], [thin] * count, axis=axis)
    place = order.index(axis)
    target = tuple(1 if a == place else size for a, size in enumerate(node.shape))
    return net.add("Concat", [shaped(net, one, target) for one in slices], node.shape, axis=place)


def _only(axis: int, long: list[int]) -> bool:
    """Whether the others keep their order when that axis moves."""
    others = [other for other in long if other != axis]
    return others == sorted(others)


def tile(net: Net, node: Node, x: Value, repeats: Value) -> Value:
    return _repeated(net, x, repeats.ints("the repeats"))


def expand(net: Net, node: Node, x: Value, shape: Value) -> Value:
    wanted, own = node.shape, sizes(x)
    x = shaped(net, x, (1,) * (len(wanted) - len(own)) + own)
    counts = []
    for size, new in zip(sizes(x), wanted, strict=True):
        if size == new:
            counts.append(1)
        elif size == 1 and new is not None:
            counts.append(new)
        else:
            raise Refusal("it is repeated along the batch")
    return _repeated(net, x, counts)


def _repeated(net: Net, x: Value, counts: list[int]) -> Value:
    for axis, count in enumerate(counts):
        if count != 1:
            shape = tuple(
                None if size is None else size * count if a == axis else size
                for a, size in enumerate(sizes(x))
            )
            x = net.add("Tile", [x], shape, axis=axis, tiles=count)
    return x
