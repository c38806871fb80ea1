"""Picking and placing by index."""

import mxnet as mx
from mxnet.symbol import numpy as np
from mxnet.symbol import numpy_extension as npx


def coordinates(x, rank):
    """For each axis of x, every entry's place along it, [x's shape], int64."""
    places = mx.sym.contrib.index_array(x.as_nd_ndarray())
    return [
        np.squeeze(mx.sym.slice_axis(places, axis=-1, begin=i, end=i + 1).as_np_ndarray(), -1)
        for i in range(rank)
    ]


def gather_elements(x, indices, axis, rank):
    """Of x the entries at `indices` along an axis, and at their own place along the others."""
    places = coordinates(indices, rank)
    places[axis] = indices.astype("int64")
    return npx.gather_nd(x, np.stack(places, axis=0))


def gather_nd(x, indices, sizes, batch_dims, rank):
    """x at the index vectors in the last axis of `indices`, [batch…, …, depth]."""
    columns = []
    if batch_dims:
        columns = coordinates(indices, rank)[:batch_dims]
        columns = [
            np.squeeze(
                mx.sym.slice_axis(c.as_nd_ndarray(), axis=-1, begin=0, end=1).as_np_ndarray(), -1
            )
            for c in columns
        ]
    for i, size in enumerate(sizes):
        column = mx.sym.slice_axis(indices.as_nd_ndarray(), axis=-1, begin=i, end=i + 1)
        columns.append(np.mod(np.squeeze(column.as_np_ndarray(), -1), size))
    return npx.gather_nd(x, np.stack(columns, axis=0))


def place(x, places, updates, shape, kind):
    """x with `updates` at `places`, [axes, …], or added there."""
    where = places.as_nd_ndarray()
    if kind == "add":
        added = mx.sym._internal._backward_gather_nd(updates.as_nd_ndarray(), where, shape=shape)
        return x + added.as_np_ndarray()
    # MXNet's operator that sets entries has no gradient.
    placed = mx.sym.scatter_nd(updates.as_nd_ndarray(), where, shape=shape).as_np_ndarray()
    ones = np.ones_like(updates.astype("float32")).as_nd_ndarray()
    there = mx.sym.scatter_nd(ones, where, shape=shape).as_np_ndarray()
    return np.where(there > 0.5, placed, x)


def scatter_elements(x, indices, updates, shape, axis, kind):
    """x with `updates` at `indices` along an axis, and at their own place along the others."""
    places = coordinates(indices, len(shape))
    places[axis] = indices.astype("int64")
    return place(x, np.stack(places, axis=0), updates, shape, kind)


def scatter_nd(x, indices, updates, shape, depth, kind):
    """x with `updates` at the index vectors in the last axis of `indices`."""
    columns = []
    for i in range(depth):
        column = mx.sym.slice_axis(indices.as_nd_ndarray(), axis=-1, begin=i, end=i + 1)
        columns.append(np.mod(np.squeeze(column.as_np_ndarray(), -1), shape[i]))
    return place(x, np.stack(columns, axis=0), updates, shape, kind)
