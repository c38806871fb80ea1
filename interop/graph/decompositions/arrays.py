"""Caches, repeated values and running statistics."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, dtype, rank, static
from interop.source.values import Refusal


def tensor_scatter(op: Builder, node: Operator) -> ir.Value:
    """past [B, …, length, …] with update's entries along the axis from the place of each row on."""
    past, update, start = node[0], node[1], node.get(2)
    axis = node.attribute("axis") % rank(past)
    length, count = op.size(past, axis), op.size(update, axis)
    place = op.range(length)
    if start is None:
        at = op.Unsqueeze(place, [0])
    else:
        at = op.Sub(op.Unsqueeze(place, [0]), op.reshape(start, -1, 1))  # [B, length]
    if node.attribute("mode", "linear") == "circular":
        at = op.Mod(op.Add(op.Mod(at, length), length), length)
    fresh = op.And(op.GreaterOrEqual(at, 0), op.Less(at, count))
    index = op.Min(op.Max(at, 0), op.Sub(count, 1))
    order = [0, axis, *(i for i in range(1, rank(past)) if i != axis)]
    back = [order.index(i) for i in range(rank(past))]
    turned = op.Transpose(update, perm=order)
    rows = op.Expand(index, op.vector(op.size(past, 0), length))
    moved = op.Transpose(op.GatherND(turned, op.Unsqueeze(rows, [2]), batch_dims=1), perm=back)
    behind = [i for i in range(rank(past)) if i not in (0, axis)]
    return op.Where(op.Unsqueeze(fresh, behind), moved, past)  # type: ignore[no-any-return]


def causal_conv_with_state(op: Builder, node: Operator) -> tuple[ir.Value, ir.Value]:
    """x [B, C, L], w [C, 1, k], bias, the k - 1 values before x: the result and the last values."""
    x, w, state = node[0], node[1], node.get(3)
    channels, before = static(w, 0, "channels"), static(w, 2, "kernel") - 1
    widths = np.array([0, 0, before, 0, 0, 0])
    padded = op.Pad(x, widths) if state is None else op.Concat(state, x, axis=2)
    result = op.Conv(padded, w, node.get(2), group=channels)
    activation = node.attribute("activation", "none")
    if activation in ("silu", "swish"):
        result = op.Mul(result, op.Sigmoid(result))
    elif activation != "none":
        raise Refusal(f"the activation {activation!r}")
    end = op.size(x, 2)
    return result, op.Slice(padded, end, op.Add(end, before), [2])


def batch_normalization(op: Builder, node: Operator) -> tuple[ir.Value, ir.Value, ir.Value]:
    """In training: by the batch's own statistics, which move the running ones."""
    if not node.attribute("training_mode"):
        raise Refusal("nothing simpler than inference by given statistics")
    x, scale, bias, mean, variance = (node[index] for index in range(5))
    axes = [axis for axis in range(rank(x)) if axis != 1]
    own = op.ReduceMean(x, axes, keepdims=1)
    centred = op.Sub(x, own)
    spread = op.ReduceMean(op.Mul(centred, centred), axes, keepdims=1)
    shape = [1, -1] + [1] * (rank(x) - 2)
    divided = op.Div(centred, op.Sqrt(op.Add(spread, float(node.attribute("epsilon")))))
    scaled = op.Mul(divided, op.CastLike(op.Reshape(scale, shape), x))
    result = op.Add(scaled, op.CastLike(op.Reshape(bias, shape), x))
    keep = float(node.attribute("momentum"))
    moved = [
        op.Add(op.Mul(old, keep), op.Mul(op.CastLike(op.Reshape(new, [-1]), old), 1 - keep))
        for old, new in ((mean, own), (variance, spread))
    ]
    return result, moved[0], moved[1]


def unique(op: Builder, node: Operator) -> list[ir.Value]:
    """The different values (or slices along an axis), where each stands first, which each entry is,
    and how often each occurs. Every entry is compared with every other.
    """
    x, axis = node[0], node.attribute("axis")
    if axis is None:
        rows, x, axis = op.reshape(x, -1, 1), op.reshape(x, -1), 0
    else:
        axis %= rank(x)
        order = [axis, *(i for i in range(rank(x)) if i != axis)]
        rows = op.Flatten(op.Transpose(x, perm=order), axis=1)
    if rows.dtype == ir.DataType.STRING:
        raise Refusal("text")
    a, b = op.Unsqueeze(rows, [1]), op.Unsqueeze(rows, [0])
    differ = op.cast(op.Not(op.Equal(a, b)), np.int32)
    same = op.Equal(op.ReduceMax(differ, [2], keepdims=0), 0)  # [n, n]
    first = op.ArgMax(op.cast(same, np.int32), axis=1, keepdims=0)
    here = op.range(op.Shape(first))
    is_first = op.Equal(first, here)
    if node.attribute("sorted"):
        where = op.Unsqueeze(op.ArgMax(differ, axis=2, keepdims=0), [2])  # the first that differs
        less = op.Less(
            op.GatherElements(op.Expand(a, op.Shape(differ)), where, axis=2),
            op.GatherElements(op.Expand(b, op.Shape(differ)), where, axis=2),
        )
        before = op.Squeeze(less, [2])  # row i before row j
    else:
        before = op.Less(op.Unsqueeze(first, [1]), op.Unsqueeze(first, [0]))
    counted = op.And(before, op.Unsqueeze(is_first, [1]))
    inverse = op.ReduceSum(op.cast(counted, np.int64), [0], keepdims=0)
    count = op.ReduceSum(op.cast(is_first, np.int64), [0], keepdims=1)
    hits = op.And(op.Equal(op.Unsqueeze(op.range(count), [1]), inverse), is_first)  # [unique, n]
    indices = op.ArgMax(op.cast(hits, np.int32), axis=1, keepdims=0)
    often = op.Gather(op.ReduceSum(op.cast(same, np.int64), [1], keepdims=0), indices, axis=0)
    return [op.Gather(x, indices, axis=axis), indices, inverse, often][: node.outputs]


def reverse_sequence(op: Builder, node: Operator) -> ir.Value:
    """Each row turned around up to its length."""
    x, lengths = node[0], node[1]
    time = node.attribute("time_axis", 0)
    first = op.Transpose(x, perm=[1, 0, *range(2, rank(x))]) if time == 0 else x  # [batch, time, …]
    # Not by Unsqueeze, through which onnx follows vectors as if they were still of one axis.
    place = op.reshape(op.range(op.size(x, time)), 1, -1)
    end = op.reshape(op.cast(lengths, np.int64), -1, 1)
    at = op.Where(op.Less(place, end), op.Sub(op.Sub(end, 1), place), place)
    turned = op.GatherND(first, op.Unsqueeze(at, [2]), batch_dims=1)
    return op.Transpose(turned, perm=[1, 0, *range(2, rank(x))]) if time == 0 else turned


def eye_like(op: Builder, node: Operator) -> ir.Value:
    """Ones on a diagonal."""
    x, number = node[0], node.attribute("dtype")
    wanted = dtype(x) if number is None else ir.DataType(number)
    rows = op.reshape(op.range(op.size(x, 0)), -1, 1)
    columns = op.reshape(op.range(op.size(x, 1)), 1, -1)
    return op.cast(op.Equal(op.Add(rows, int(node.attribute("k", 0))), columns), wanted)


def hardmax(op: Builder, node: Operator) -> ir.Value:
    """One where the first of the largest stands."""
    x, axis = node[0], node.attribute("axis", -1) % rank(node[0])
    best = op.ArgMax(x, axis=axis, keepdims=1)
    shape = [-1 if a == axis else 1 for a in range(rank(x))]
    place = op.Reshape(op.range(op.size(x, axis)), shape)
    return op.cast(op.Equal(best, place), dtype(x))
