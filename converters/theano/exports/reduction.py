"""Reductions, sorting, softmax, and products of matrices. Python 3.6."""

import numpy as np
from interop.converters.theano.exports.writing import Refused, value_of
from theano.scalar import basic

_REDUCED = {
    basic.Add: "ReduceSum", basic.Mul: "ReduceProd", basic.Maximum: "ReduceMax",
    basic.Minimum: "ReduceMin", basic.AND: "ReduceMin", basic.OR: "ReduceMax",
}  # fmt: skip


def _axes(node):
    axis = node.op.axis
    return list(range(node.inputs[0].ndim)) if axis is None else [int(one) for one in axis]


def reduction(w, node, x):
    kind = type(node.op.scalar_op)
    if kind not in _REDUCED:
        raise Refused(f"a reduction by {node.op.scalar_op}")
    before, after = node.inputs[0].type.dtype, node.outputs[0].type.dtype
    axes, wide = _axes(node), "int32" if after == "bool" else after
    if kind in (basic.AND, basic.OR) and after != "bool":
        raise Refused("a reduction of bits")
    x = w.cast(x, before, after) if after == "bool" else x
    value = w.cast(x, after if after == "bool" else before, wide)
    if axes:
        value = w.node(_REDUCED[kind], value, w.constant(axes), keepdims=0)
    return w.cast(value, wide, after)


def mean(w, node, x):
    return w.node("ReduceMean", x, w.constant(_axes(node)), keepdims=0)


def max_and_argmax(w, node, x):
    axes = _axes(node)
    largest = w.node("ReduceMax", x, w.constant(axes), keepdims=0)
    return [largest, _argmax(w, x, axes, node.inputs[0].ndim)]


def argmax(w, node, x):
    return _argmax(w, x, _axes(node), node.inputs[0].ndim)


def _argmax(w, x, axes, rank):
    """Where it stands along one axis, or in several as if they were one."""
    if len(axes) == 1:
        return w.node("ArgMax", x, axis=axes[0], keepdims=0)
    kept = [axis for axis in range(rank) if axis not in axes]
    moved = w.node("Transpose", x, perm=kept + axes)
    flat = w.node("Reshape", moved, w.constant([0] * len(kept) + [-1]))
    return w.node("ArgMax", flat, axis=len(kept), keepdims=0)


def softmax(w, node, x):
    return w.node("Softmax", x, axis=1)


def softmax_with_bias(w, node, x, b):
    return w.node("Softmax", w.node("Add", x, b), axis=1)


def log_softmax(w, node, x):
    return w.node("LogSoftmax", x, axis=1)


def cumulative(w, node, x):
    if node.op.mode != "add":
        raise Refused("running products")
    axis = node.op.axis
    if axis is None:
        return w.node("CumSum", w.node("Reshape", x, w.constant([-1])), w.constant(0))
    return w.node("CumSum", x, w.constant(axis))


def _ordered(w, node, x, axis):
    where = value_of(node.inputs[1], "the axis of a sort")
    rank = node.inputs[0].ndim
    if where is None:
        x, where, rank = w.node("Reshape", x, w.constant([-1])), 0, 1
    where = int(where) % rank
    count = w.unsqueeze(w.size(x, where), 0)
    return w.node("TopK", x, count, axis=where, largest=0, count=2)


def sort(w, node, x, axis):
    return _ordered(w, node, x, axis)[0]


def arg_sort(w, node, x, axis):
    return w.cast(_ordered(w, node, x, axis)[1], "int64", node.outputs[0].type.dtype)


def _same_dtype(w, node, names):
    dtype = node.outputs[0].type.dtype
    return [w.cast(n, v.type.dtype, dtype) for n, v in zip(names, node.inputs)]


def dot(w, node, a, b):
    x, y = _same_dtype(w, node, (a, b))
    if not (node.inputs[0].ndim and node.inputs[1].ndim):
        return w.node("Mul", x, y)
    return w.node("MatMul", x, y)


def batched_dot(w, node, a, b):
    """The first axis is the batch of both; what has no other axis after it is a vector."""
    ranks = [v.ndim for v in node.inputs]
    x, y = _same_dtype(w, node, (a, b))
    x = w.unsqueeze(x, 1) if ranks[0] == 2 else x
    y = w.unsqueeze(y, 2) if ranks[1] == 2 else y
    result = w.node("MatMul", x, y)
    dropped = [axis for axis, rank in ((1, ranks[0]), (2, ranks[1])) if rank == 2]
    return w.node("Squeeze", result, w.constant(dropped)) if dropped else result


def dot22_scalar(w, node, a, b, alpha):
    return w.node("Mul", w.node("MatMul", a, b), alpha)


def gemm(w, node, z, alpha, x, y, beta):
    product = w.node("Mul", w.node("MatMul", x, y), alpha)
    return w.node("Add", w.node("Mul", z, beta), product)


def gemv(w, node, y, alpha, a, x, beta):
    return gemm(w, node, y, alpha, a, x, beta)


def ger(w, node, a, alpha, x, y):
    outer = w.node("Mul", w.unsqueeze(x, 1), w.unsqueeze(y, 0))
    return w.node("Add", a, w.node("Mul", outer, alpha))


def non_zero(w, node, x):
    """Theano gives one vector an axis."""
    found = w.node("NonZero", x)
    rank = node.inputs[0].ndim
    return [w.node("Gather", found, w.constant(np.int64(i)), axis=0) for i in range(rank)]
