"""Pools over channels-last data that TensorFlow has no operator for."""

import numpy as np
import tensorflow as tf


def pad_lowest(x, paddings):
    """Pad with the lowest value of the dtype, which no maximum sees."""
    lowest = x.dtype.min if x.dtype.is_integer else -np.inf
    return tf.pad(x, paddings, constant_values=tf.constant(lowest, x.dtype))


def windows(x, kernel, strides, dilations):
    """Strided views of channels-last x, one for each position in the kernel."""
    rank = len(kernel)
    sizes = tf.shape(x)
    counts = [
        (sizes[i + 1] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1 for i in range(rank)
    ]
    for position in np.ndindex(*kernel):
        index = [slice(None)]
        for i, offset in enumerate(position):
            start = offset * dilations[i]
            index.append(slice(start, start + (counts[i] - 1) * strides[i] + 1, strides[i]))
        yield x[tuple(index)]


def max_pool_integer(x, kernel, strides, dilations):
    """The largest of each window, for dtypes that TensorFlow does not pool."""
    result = None
    for view in windows(x, kernel, strides, dilations):
        result = view if result is None else tf.maximum(result, view)
    return result


def dilated_max_pool(x, kernel, strides, dilations):
    """The largest of each dilated window."""
    return max_pool_integer(x, kernel, strides, dilations)


def sum_pool(x, kernel, strides, dilations):
    """The sum of each window."""
    if all(d == 1 for d in dilations) and len(kernel) <= 3:
        pool = {1: tf.nn.avg_pool1d, 2: tf.nn.avg_pool2d, 3: tf.nn.avg_pool3d}[len(kernel)]
        return pool(x, kernel, strides=strides, padding="VALID") * float(np.prod(kernel))
    return tf.add_n(list(windows(x, kernel, strides, dilations)))


def average_pool(x, kernel, strides, dilations, counted, outside):
    """The mean of each window; padding `counted` counts as zeros, padding `outside` not at all."""
    both = [[c[0] + o[0], c[1] + o[1]] for c, o in zip(counted, outside)]
    total = sum_pool(tf.pad(x, [[0, 0], *both, [0, 0]]), kernel, strides, dilations)
    if not any(o[0] or o[1] for o in outside):
        return total / float(np.prod(kernel))
    ones = tf.pad(tf.ones_like(x[:1, ..., :1]), [[0, 0], *counted, [0, 0]], constant_values=1)
    count = sum_pool(tf.pad(ones, [[0, 0], *outside, [0, 0]]), kernel, strides, dilations)
    return total / count


def max_pool_with_indices(x, kernel, strides, dilations, pads, column_major):
    """The largest of each window of x [N, C, spatial…], and where it stands in the flattened x."""
    rank = len(kernel)
    sizes = tf.shape(x, out_type=tf.int64)
    places = tf.range(tf.reduce_prod(sizes[2:]))
    if column_major:
        places = tf.transpose(tf.reshape(places, tf.reverse(sizes[2:], [0])))
    planes = tf.reshape(tf.range(sizes[0] * sizes[1]), [sizes[0], sizes[1]] + [1] * rank)
    places = planes * tf.reduce_prod(sizes[2:]) + tf.reshape(places, sizes[2:])
    first = [0, *range(2, rank + 2), 1]
    around = [[0, 0], *pads, [0, 0]]
    data = windows(pad_lowest(tf.transpose(x, first), around), kernel, strides, dilations)
    where = windows(tf.pad(tf.transpose(places, first), around), kernel, strides, dilations)
    data, where = tf.stack(list(data), axis=-1), tf.stack(list(where), axis=-1)
    best = tf.argmax(data, axis=-1)[..., None]
    back = [0, rank + 1, *range(1, rank + 1)]
    taken = [tf.gather(v, best, axis=-1, batch_dims=rank + 2)[..., 0] for v in (data, where)]
    return [tf.transpose(v, back) for v in taken]
