"""Lookups that mark what is out of range by NaN, as the Gather that they are within it.

A traced program of JAX cannot raise an error, so its `take` says NaN where eager frameworks raise.
ONNX calls such an index an error, too, and leaves what is then computed open.
"""

from __future__ import annotations

import math

import onnx_ir as ir

from interop.graph.patterns.terms import (
    become,
    dims,
    given,
    integers,
    is_of,
    made_by,
    number,
    reduced_axes,
    without_ones,
)

_INDICES = (ir.DataType.INT32, ir.DataType.INT64)


def fuse_embeddings(model: ir.Model) -> None:
    """Put a Gather in the place of each Where(0 <= i < n, Gather(table, Clip(i, 0, n - 1)), NaN) whose
    i is wrapped as Gather's own are: i + n below 0; in place."""
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        found = _lookup(node)
        if found is not None:
            table, indices, axis = found
            become(node, "Gather", [table, indices], axis=axis)


def _lookup(node: ir.Node) -> tuple[ir.Value, ir.Value, int] | None:
    if node.op_type != "Where" or node.domain != "" or not _is_nan(node.inputs[2]):
        return None
    gather = made_by(node.inputs[1], "Gather")
    clip = None if gather is None else made_by(_same(gather.inputs[1]), "Clip")
    if gather is None or clip is None:
        return None
    table, axis = gather.inputs[0], gather.attributes.get_int("axis", 0)
    sizes, moved = dims(table), dims(gather.inputs[1])
    length = None if sizes is None else sizes[axis]
    if table is None or moved is None or not isinstance(length, int):
        return None
    if [number(given(clip, 1)), number(given(clip, 2))] != [0, length - 1]:
        return None
    wrapped = _same(clip.inputs[0])
    plain = _unwrapped(wrapped, length)
    if plain is None or not is_of(plain, *_INDICES) or dims(plain) != moved:
        return None
    whole, mask = dims(node.outputs[0]), dims(node.inputs[0])
    if whole is None or mask != [
        d if axis <= i < axis + len(moved) else 1 for i, d in enumerate(whole)
    ]:
        return None
    return (table, plain, axis) if _is_inside(node.inputs[0], wrapped, length) else None


def _is_nan(value: ir.Value | None) -> bool:
    found = number(value)
    return found is not None and math.isnan(found)


def _same(value: ir.Value | None) -> ir.Value | None:
    """What has the same integers, or truths, in another type or with other axes of size 1."""
    while value is not None:
        value = without_ones(value)
        node = made_by(value, "Cast", "ReduceMin")
        if node is None:
            return value
        if node.op_type == "Cast" and not is_of(node.inputs[0], *_INDICES, ir.DataType.BOOL):
            return value
        if node.op_type == "ReduceMin":
            axes, data = reduced_axes(node), dims(node.inputs[0])
            if axes is None or data is None or any(data[axis] != 1 for axis in axes):
                return value
        value = node.inputs[0]
    return None


def _unwrapped(value: ir.Value | None, length: int) -> ir.Value | None:
    """The i of Where(i < 0, i + length, i)."""
    choice = made_by(value, "Where")
    if choice is None:
        return None
    test, moved, plain = choice.inputs
    less, add = made_by(test, "Less"), made_by(moved, "Add")
    if plain is None or less is None or add is None:
        return None
    others = [one for one in add.inputs if one is not plain]
    if less.inputs[0] is not plain or number(less.inputs[1]) != 0 or len(others) != 1:
        return None
    if number(others[0]) != length:
        return None
    cast = made_by(plain, "Cast")
    return cast.inputs[0] if cast is not None and is_of(cast.inputs[0], *_INDICES) else plain


def _is_inside(value: ir.Value | None, index: ir.Value | None, length: int) -> bool:
    """Whether `value` says that `index` is from 0 to length - 1."""
    both = made_by(_same(value), "And")
    if both is None:
        return False
    low, high = (_same(one) for one in both.inputs)
    above, below = made_by(low, "GreaterOrEqual"), made_by(high, "LessOrEqual")
    if above is None or below is None:
        return False
    if _same(above.inputs[0]) is not index or _same(below.inputs[0]) is not index:
        return False
    return _only(above.inputs[1]) == 0 and _only(below.inputs[1]) == length - 1


def _only(value: ir.Value | None) -> int | None:
    """The one number that a constant of integers is."""
    found = integers(value)
    return found[0] if found is not None and len(found) == 1 else None
