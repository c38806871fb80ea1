"""Gathering, scattering and sorting by index."""

import numpy as np
import tensorflow as tf


def gather_elements(x, indices, axis):
    """numpy.take_along_axis."""
    indices = tf.cast(indices, tf.int64)
    size = tf.shape(x, out_type=tf.int64)[axis]
    indices = tf.where(indices < 0, indices + size, indices)
    grid = tf.meshgrid(
        *[
            tf.range(n)
            for n in tf.unstack(tf.shape(indices, out_type=tf.int64), num=indices.shape.rank)
        ],
        indexing="ij",
    )
    grid[axis] = indices
    return tf.gather_nd(x, tf.stack(grid, axis=-1))


def gather_nd(x, indices, batch_dims, depth):
    """GatherND with rows of `depth` indices, negative ones included."""
    indices = tf.ensure_shape(tf.cast(indices, tf.int64), [*indices.shape[:-1], depth])
    sizes = tf.shape(x, out_type=tf.int64)[batch_dims : batch_dims + depth]
    indices = tf.where(indices < 0, indices + sizes, indices)
    return tf.gather_nd(x, indices, batch_dims=batch_dims)


def scatter(x, positions, updates, reduction):
    """tf.tensor_scatter_nd_* by ONNX's name of the reduction; multiplication one entry at a time."""
    if x.dtype == tf.bool:
        numbers = scatter(tf.cast(x, tf.int32), positions, tf.cast(updates, tf.int32), reduction)
        return tf.not_equal(numbers, 0)
    if reduction == "mul":
        flat = tf.reshape(positions, [-1, positions.shape[-1]])
        tail = tf.shape(x)[positions.shape[-1] :]
        values = tf.reshape(updates, tf.concat([[-1], tail], axis=0))
        count = tf.shape(flat)[0]

        def step(i, data):
            where = flat[i : i + 1]
            return i + 1, tf.tensor_scatter_nd_update(
                data, where, tf.gather_nd(data, where) * values[i : i + 1]
            )

        return tf.while_loop(lambda i, data: i < count, step, [0, x])[1]
    update = {
        "none": tf.tensor_scatter_nd_update,
        "add": tf.tensor_scatter_nd_add,
        "max": tf.tensor_scatter_nd_max,
        "min": tf.tensor_scatter_nd_min,
    }[reduction]
    return update(x, positions, updates)


def scatter_elements(x, indices, updates, axis, reduction):
    """ScatterElements."""
    indices = tf.cast(indices, tf.int64)
    size = tf.shape(x, out_type=tf.int64)[axis]
    indices = tf.where(indices < 0, indices + size, indices)
    grid = tf.meshgrid(
        *[
            tf.range(n)
            for n in tf.unstack(tf.shape(indices, out_type=tf.int64), num=indices.shape.rank)
        ],
        indexing="ij",
    )
    grid[axis] = indices
    return scatter(x, tf.stack(grid, axis=-1), updates, reduction)


def scatter_nd(x, indices, updates, reduction):
    """ScatterND, negative indices included."""
    indices = tf.cast(indices, tf.int64)
    sizes = tf.shape(x, out_type=tf.int64)[: indices.shape[-1]]
    return scatter(x, tf.where(indices < 0, indices + sizes, indices), updates, reduction)


def top_k(x, k, axis, largest):
    """The k largest (or smallest) along an axis, and where they stand (int64)."""
    rank = x.shape.rank
    axis = axis % rank
    order = [i for i in range(rank) if i != axis] + [axis]
    moved = tf.transpose(x, order)
    if largest:
        values, indices = tf.math.top_k(moved, tf.cast(k, tf.int32))
    elif x.dtype.is_integer:  # negation would overflow for the lowest value, complement does not
        values, indices = tf.math.top_k(-1 - moved, tf.cast(k, tf.int32))
        values = -1 - values
    else:
        values, indices = tf.math.top_k(-moved, tf.cast(k, tf.int32))
        values = -values
    back = np.argsort(order).tolist()
    return tf.transpose(values, back), tf.cast(tf.transpose(indices, back), tf.int64)


def unique(x, axis, ordered):
    """Distinct elements (or slices along `axis`), where each first stands, all their places, counts.

    In the order of their first occurrence, or ascending (slices lexicographically) if `ordered`.
    """
    dtype = x.dtype
    x = tf.cast(x, tf.uint8) if dtype == tf.bool else x
    x, axis = (tf.reshape(x, [-1]), 0) if axis is None else (x, axis % x.shape.rank)
    y, inverse, counts = tf.raw_ops.UniqueWithCountsV2(x=x, axis=[axis], out_idx=tf.int64)
    number = tf.size(counts)
    places = tf.range(tf.size(inverse, out_type=tf.int64))
    first = tf.math.unsorted_segment_min(places, inverse, number)
    if ordered:
        slices = tf.transpose(y, [axis] + [i for i in range(y.shape.rank) if i != axis])
        rows = tf.transpose(tf.reshape(slices, [number, tf.size(y) // tf.maximum(number, 1)]))

        def refine(i, order):
            return i - 1, tf.gather(order, tf.argsort(tf.gather(rows[i], order), stable=True))

        start = (tf.shape(rows)[0] - 1, tf.range(number))
        order = tf.while_loop(lambda i, order: i >= 0, refine, start)[1]
        y, first, counts = (
            tf.gather(y, order, axis=axis),
            tf.gather(first, order),
            tf.gather(counts, order),
        )
        inverse = tf.cast(tf.gather(tf.math.invert_permutation(order), inverse), tf.int64)
    return tf.cast(y, dtype), first, inverse, counts
