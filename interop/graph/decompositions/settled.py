"""Operands that come as data, where the declared shape of the output says what they are.

Frameworks whose graphs are static take sizes, axes and counts as plain numbers. A model may compute
them, or be given them; where the output's shape is known they follow from it, or only values do.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import (
    Builder,
    Operator,
    dtype,
    known,
    rank,
    sizes,
    static,
)
from interop.source.values import Refusal


def _settled(node: Operator, operand: int, output: int = 0) -> list[int]:
    """The output's shape; a Refusal where it is not known, or where the operand is constant anyway."""
    value = node.get(operand)
    if value is None or value.const_value is not None:
        raise Refusal("nothing simpler is known for it")
    shape = node.output_shape(output)
    if shape is None or None in shape:
        raise Refusal(f"it depends on data ('{value.name}'), as does the shape of the result")
    return [size for size in shape if size is not None]


def reshape(op: Builder, node: Operator) -> ir.Value:
    shape = _settled(node, 1)
    return op.Reshape(node[0], shape, allowzero=int(0 in shape))  # type: ignore[no-any-return]


def expand(op: Builder, node: Operator) -> ir.Value:
    return op.Expand(node[0], _settled(node, 1))  # type: ignore[no-any-return]


def constant_of_shape(op: Builder, node: Operator) -> ir.Value:
    """Spread by a shape that is known, or else by that which is given: it may be sizes."""
    found = node.output_shape(0)
    is_known = found is not None and None not in found
    value = node.attribute("value", np.zeros(1, np.float32))
    return op.Expand(np.reshape(value, ()), _settled(node, 0) if is_known else node[0])  # type: ignore[no-any-return]


def tile(op: Builder, node: Operator) -> ir.Value:
    shape, own = _settled(node, 1), sizes(node[0])
    if any(not size for size in own):
        raise Refusal("the repeats depend on data")
    return op.Tile(node[0], [new // old for new, old in zip(shape, own, strict=True) if old])  # type: ignore[no-any-return]


def to_shape(op: Builder, node: Operator) -> ir.Value:
    """Squeeze and Unsqueeze."""
    shape = _settled(node, 1)
    return op.Reshape(node[0], shape, allowzero=int(0 in shape))  # type: ignore[no-any-return]


def reduction(name: str):  # type: ignore[no-untyped-def]
    """A reduction along the axes that its result lacks; those of size one make no difference.

    Where more than one choice of axes gives that shape, all are computed, and data picks one.
    """

    def write(op: Builder, node: Operator) -> ir.Value:
        x, axes, own = node[0], node.get(1), sizes(node[0])
        kept, noop = node.attribute("keepdims", 1), node.attribute("noop_with_empty_axes", 0)
        shape = _settled(node, 1)
        every = range(len(own))
        if kept:
            # Along a size of one there is nothing to add up.
            choices = [tuple(a for a in every if shape[a] != own[a])]
        else:
            choices = [
                chosen
                for chosen in combinations(every, len(own) - len(shape))
                if [own[a] for a in every if a not in chosen] == shape
            ]
        if not choices:
            raise Refusal("which axes are reduced depends on data")
        made = [
            # Without axes there is nothing to add up, but what is done to each element stays.
            getattr(op, name)(x, np.array(chosen, np.int64), keepdims=kept, noop_with_empty_axes=1)
            for chosen in choices
        ]
        result = made[0]
        assert axes is not None
        for chosen, other in zip(choices[1:], made[1:], strict=True):
            result = op.Where(_named(op, axes, chosen, len(own), bool(noop)), other, result)
        return result  # type: ignore[no-any-return]

    return write


def _named(
    op: Builder, axes: ir.Value, chosen: tuple[int, ...], count: int, noop: bool
) -> ir.Value:
    """Whether the axes are the chosen ones, in any order: bool[]."""
    wanted = op.constant([a in chosen for a in range(count)], np.bool_)
    whole = op.Mod(op.Add(op.cast(axes, np.int64), count), count)
    found = op.Equal(op.Unsqueeze(whole, [0]), np.arange(count).reshape(-1, 1))  # [rank, axes]
    named = op.Greater(op.ReduceSum(op.cast(found, np.int64), [1], keepdims=0), 0)
    if not noop and len(chosen) == count and sizes(axes) == [0]:
        return op.constant(True, np.bool_)
    alike = op.cast(op.Equal(op.cast(named, np.int64), op.cast(wanted, np.int64)), np.int64)
    return op.cast(op.ReduceMin(alike, [0], keepdims=0), np.bool_)


def top_k(op: Builder, node: Operator) -> list[ir.Value]:
    shape, axis = _settled(node, 1), node.attribute("axis", -1)
    options = {name: node.attribute(name, 1) for name in ("largest", "sorted")}
    return list(op.TopK(node[0], [shape[axis]], axis=axis, **options, outputs=2))[: node.outputs]


def one_hot(op: Builder, node: Operator) -> ir.Value:
    """Any depth and any values: compared with each column's number."""
    indices, values = node[0], node[2]
    depth, axis = known(node[1]), node.attribute("axis", -1) % (rank(node[0]) + 1)
    shape = node.output_shape()
    if depth is None and (shape is None or shape[axis] is None):
        raise Refusal("the depth depends on data, as does the shape of the result")
    count = int(depth.reshape(-1)[0]) if depth is not None else shape[axis]  # type: ignore[index]
    if known(values) is not None and depth is not None:
        raise Refusal("nothing simpler is known for it")
    column = np.arange(count).reshape([-1 if a == axis else 1 for a in range(rank(indices) + 1)])
    whole = op.Unsqueeze(op.cast(indices, np.int64), [axis])
    from_start = op.Where(op.Less(whole, 0), op.Add(whole, int(count)), whole)
    off, on = (op.Gather(values, i, axis=0) for i in (0, 1))
    return op.Where(op.Equal(from_start, column), on, off)  # type: ignore[no-any-return]


def split(op: Builder, node: Operator) -> list[ir.Value]:
    axis = node.attribute("axis", 0)
    parts = [_settled(node, 1, index)[axis] for index in range(node.outputs)]
    made = op.Split(node[0], parts, axis=axis, outputs=len(parts))
    return [made] if len(parts) == 1 else list(made)


def range_(op: Builder, node: Operator) -> ir.Value:
    if all(known(node[index]) is not None for index in range(3)):
        raise Refusal("nothing simpler is known for it")
    shape = node.output_shape()
    if shape is None or shape[0] is None:
        raise Refusal("its length depends on data")
    steps = op.constant(np.arange(shape[0]), dtype(node[0]).numpy())
    return op.Add(op.Mul(steps, node[2]), node[0])  # type: ignore[no-any-return]


def trilu(op: Builder, node: Operator) -> ir.Value:
    x, k = node[0], node.get(1)
    if k is None or k.const_value is not None:
        raise Refusal("nothing simpler is known for it")
    rows = op.reshape(op.range(op.size(x, -2)), -1, 1)
    columns = op.reshape(op.range(op.size(x, -1)), 1, -1)
    edge = op.Add(rows, k)
    upper = node.attribute("upper", 1)
    kept = op.GreaterOrEqual(columns, edge) if upper else op.LessOrEqual(columns, edge)
    return op.Where(kept, x, op.cast(op.constant(0), dtype(x)))  # type: ignore[no-any-return]


def cumulated(name: str):  # type: ignore[no-untyped-def]
    """CumSum and CumProd along an axis that is data: along each, and the one is picked."""

    def write(op: Builder, node: Operator) -> ir.Value:
        x, axis = node[0], node[1]
        if axis.const_value is not None:
            raise Refusal("nothing simpler is known for it")
        options = {key: node.attribute(key, 0) for key in ("exclusive", "reverse")}
        place = op.Reshape(op.cast(axis, np.int64), np.array([], np.int64))
        result = getattr(op, name)(x, 0, **options)
        for index in range(1, rank(x)):
            here = op.Or(op.Equal(place, index), op.Equal(place, index - rank(x)))
            result = op.Where(here, getattr(op, name)(x, index, **options), result)
        return result  # type: ignore[no-any-return]

    return write


def slice_(op: Builder, node: Operator) -> ir.Value:
    """Gather along each axis, from a start that is data."""
    x = node[0]
    operands = [node.get(index) for index in range(1, 5)]
    if all(one is None or one.const_value is not None for one in operands):
        return _stepped(op, x, *(known(one) for one in operands))
    shape = node.output_shape()
    starts, _, axes, steps = operands
    assert starts is not None
    result = x
    for axis in range(rank(x)):
        beside = _places(op, axes, starts, axis, rank(x))
        if beside is None:
            continue
        count = None if shape is None else shape[axis]
        if count is None:
            raise Refusal("the shape of the result depends on data")
        start = _at(op, starts, beside, 0)
        step = op.constant([1]) if steps is None else _at(op, steps, beside, 1)
        size = op.size(x, axis)
        first = op.Where(op.Less(start, 0), op.Add(start, size), start)
        last = op.Sub(size, op.Where(op.Less(step, 0), op.constant([1]), op.constant([0])))
        first = op.Max(op.Min(first, last), op.constant([0]))
        places = op.Add(op.Mul(op.constant(np.arange(count)), step), first)
        result = op.Gather(result, places, axis=axis)
    return result if result is not x else op.Identity(x)  # type: ignore[no-any-return]


def _stepped(
    op: Builder,
    x: ir.Value,
    starts: np.ndarray | None,
    ends: np.ndarray | None,
    axes: np.ndarray | None,
    steps: np.ndarray | None,
) -> ir.Value:
    """Gather along the axes that are taken by steps; what is left is a Slice without any."""
    assert starts is not None
    assert ends is not None
    along = range(starts.size) if axes is None else axes.tolist()
    by = [1] * starts.size if steps is None else steps.tolist()
    rows = list(zip(along, starts.tolist(), ends.tolist(), by, strict=True))
    if all(step == 1 for *_, step in rows):
        raise Refusal("nothing simpler is known for it")
    result = x
    for axis, start, end, step in rows:
        if step != 1:
            places = np.arange(static(x, axis, "size of what is taken by steps"))[start:end:step]
            result = op.Gather(result, places, axis=axis)
    plain = [row for row in rows if row[3] == 1]
    if plain:
        firsts, lasts = [row[1] for row in plain], [row[2] for row in plain]
        result = op.Slice(result, firsts, lasts, [row[0] for row in plain])
    return result


def _places(
    op: Builder, axes: ir.Value | None, operand: ir.Value, axis: int, count: int
) -> ir.Value | int | None:
    """Where the operand speaks of the axis: a place, bool[n] of the places if data, None if nowhere."""
    if axes is None:
        length = sizes(operand)[0]
        return axis if length is None or axis < length else None
    listed = known(axes)
    if listed is None:
        whole = op.cast(axes, np.int64)
        return op.Or(op.Equal(whole, axis), op.Equal(whole, axis - count))  # type: ignore[no-any-return]
    found = [place for place, one in enumerate(listed.tolist()) if one % count == axis]
    return found[0] if found else None


def _at(op: Builder, operand: ir.Value, place: ir.Value | int, other: int) -> ir.Value:
    """The operand's entry at a place as int64[1], or `other` where there is none."""
    whole = op.cast(operand, np.int64)
    if isinstance(place, int):
        return op.slice(whole, 0, place, place + 1)
    entry = op.ReduceSum(op.Where(place, whole, 0), [0], keepdims=1)
    if other == 0:
        return entry
    named = op.ReduceMax(op.cast(place, np.int64), [0], keepdims=1)
    return op.Add(entry, op.Mul(op.Sub(op.constant([1]), named), other))  # type: ignore[no-any-return]


def pad(op: Builder, node: Operator) -> ir.Value:
    """Gather along each axis from where the result's entries come, whatever the pads are."""
    x, pads, filler, axes = node[0], node[1], node.get(2), node.get(3)
    mode = node.attribute("mode", "constant")
    operands = (pads, axes, filler)
    if all(one is None or one.const_value is not None for one in operands):
        raise Refusal("nothing simpler is known for it")
    shape = node.output_shape()
    if mode == "constant":
        fill = op.cast(op.constant(0), dtype(x)) if filler is None else op.CastLike(filler, x)
        fill = op.Reshape(fill, np.array([], np.int64))
    result, half = x, sizes(pads)[0]
    for axis in range(rank(x)):
        place = _places(op, axes, axes if axes is not None else pads, axis, rank(x))
        if place is None:
            continue
        count = None if shape is None else shape[axis]
        if half is None or count is None:
            raise Refusal("the shape of the result depends on data")
        before = _at(op, op.slice(pads, 0, 0, half // 2), place, 0)
        size = op.size(x, axis)
        at = op.Sub(op.constant(np.arange(count)), before)  # the entry that belongs here
        inside = op.And(op.GreaterOrEqual(at, 0), op.Less(at, size))
        last = op.Sub(size, op.constant([1]))
        if mode == "wrap":
            at = op.Mod(op.Add(op.Mod(at, size), size), size)
        elif mode == "reflect":
            period = op.Max(op.Mul(last, 2), op.constant([1]))
            at = op.Mod(op.Add(op.Mod(at, period), period), period)
            at = op.Min(at, op.Sub(period, at))
        at = op.Min(op.Max(at, op.constant([0])), last)
        result = op.Gather(result, at, axis=axis)
        if mode == "constant":
            behind = list(range(1, rank(x) - axis))
            kept = op.Unsqueeze(inside, behind) if behind else inside
            result = op.Where(kept, result, fill)
    return result
