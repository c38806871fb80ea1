"""Operators that move, repeat and make; and those that change nothing. Python 3.6."""

import numpy as np
from interop.converters.theano.exports.writing import Refused, value_of


def same(w, node, x, *_):
    return w.node("Identity", x)


def dim_shuffle(w, node, x):
    """Drops axes of one entry, then changes their order, then puts in new ones."""
    order = node.op.new_order
    dropped = [axis for axis in range(node.inputs[0].ndim) if axis not in order]
    if dropped:
        x = w.node("Squeeze", x, w.constant(dropped))
    kept = [axis for axis in order if axis != "x"]
    places = [sorted(kept).index(axis) for axis in kept]
    if places != list(range(len(places))):
        x = w.node("Transpose", x, perm=places)
    return w.unsqueeze(x, *[i for i, axis in enumerate(order) if axis == "x"])


def reshape(w, node, x, shape):
    return w.node("Reshape", x, w.cast(shape, node.inputs[1].dtype, "int64"))


def flatten(w, node, x):
    outdim = node.op.outdim
    return w.node("Reshape", x, w.constant([0] * (outdim - 1) + [-1]))


def shape(w, node, x):
    return w.node("Shape", x)


def shape_i(w, node, x):
    return w.size(x, node.op.i)


def make_vector(w, node, *names):
    dtype = node.outputs[0].type.dtype
    if not names:
        return w.constant([], dtype)
    parts = [w.cast(n, v.type.dtype, dtype) for n, v in zip(names, node.inputs)]
    return w.vector(parts)


def alloc(w, node, value, *_):
    return w.node("Expand", value, w.vector(w.integers(node.inputs[1:])))


def alloc_empty(w, node, *_):
    zero = w.constant(0, node.outputs[0].type.dtype)
    return w.node("Expand", zero, w.vector(w.integers(node.inputs)))


def join(w, node, axis, *names):
    rank, dtype = node.outputs[0].ndim, node.outputs[0].type.dtype
    where = int(value_of(node.inputs[0], "the axis of a join")) % rank
    parts = [w.cast(n, v.type.dtype, dtype) for n, v in zip(names, node.inputs[1:])]
    return w.node("Concat", *parts, axis=where)


def split(w, node, x, axis, sizes):
    where = int(value_of(node.inputs[1], "the axis of a split")) % node.inputs[0].ndim
    parts = w.cast(sizes, node.inputs[2].type.dtype, "int64")
    return _listed(w.node("Split", x, parts, axis=where, count=len(node.outputs)))


def _listed(names):
    return names if isinstance(names, list) else [names]


def arange(w, node, *names):
    dtype = node.outputs[0].type.dtype
    return w.node("Range", *[w.cast(n, v.type.dtype, dtype) for n, v in zip(names, node.inputs)])


def _grid(w, node):
    """Row plus shift, [rows, 1], and column, [1, columns], of a matrix n by m with a shift k."""
    n, m, k = w.integers(node.inputs)
    zero, one = w.constant(0), w.constant(1)
    rows = w.node("Add", w.node("Range", zero, n, one), k)
    columns = w.node("Range", zero, m, one)
    return w.unsqueeze(rows, 1), w.unsqueeze(columns, 0)


def eye(w, node, *_):
    return w.cast(w.node("Equal", *_grid(w, node)), "bool", node.outputs[0].type.dtype)


def tri(w, node, *_):
    rows, columns = _grid(w, node)
    return w.cast(w.node("GreaterOrEqual", rows, columns), "bool", node.outputs[0].type.dtype)


def tile(w, node, x, repeats):
    if node.op.ndim != node.inputs[0].ndim:
        raise Refused("it adds axes")
    return w.node("Tile", x, w.cast(repeats, node.inputs[1].type.dtype, "int64"))


def if_else(w, node, condition, *names):
    """Both sides stand outside, and ONNX computes both."""
    count = node.op.n_outs
    flag = w.cast(condition, node.inputs[0].type.dtype, "bool")
    sides = []
    for part, variables in ((names[:count], node.inputs[1:]), (names[count:], node.inputs[1:])):
        inner = w.nested()
        for name, variable in zip(part, variables):
            kind = variable.type
            inner.graph.output(inner.node("Identity", name), kind.dtype, [None] * kind.ndim)
        sides.append(inner.graph)
    return _listed(w.node("If", flag, then_branch=sides[0], else_branch=sides[1], count=count))


def repeat(w, node, x, counts):
    """Each entry as often as one number says, along an axis."""
    axis = node.op.axis
    if axis is None or node.inputs[1].ndim:
        raise Refused("a repetition by more than one number, or without an axis")
    rank = node.inputs[0].ndim
    wide = w.unsqueeze(x, axis + 1)
    (times,) = w.integers(node.inputs[1:])
    ones = w.constant(np.ones(rank - axis - 1))
    factors = w.node("Concat", w.constant(np.ones(axis + 1)), w.unsqueeze(times, 0), ones, axis=0)
    tiled = w.node("Tile", wide, factors)
    lead = [w.size(x, i) for i in range(axis)]
    after = [w.size(x, i) for i in range(axis + 1, rank)]
    shape = w.vector([*lead, w.constant(-1), *after])
    return w.node("Reshape", tiled, shape)
