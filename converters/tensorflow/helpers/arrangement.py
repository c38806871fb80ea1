"""Cutting, padding and rearranging."""

import tensorflow as tf


def slice_dynamic(x, starts, ends, axes, steps):
    """ONNX's Slice where starts, ends or steps are known only at run time."""
    rank = x.shape.rank
    sizes = tf.gather(tf.shape(x), axes)
    starts, ends, steps = (
        tf.cast(tf.clip_by_value(tf.cast(v, tf.int64), -(2**31), 2**31 - 1), tf.int32)
        for v in (starts, ends, steps)
    )
    begin = tf.where(starts < 0, starts + sizes, starts)
    end = tf.where(ends < 0, ends + sizes, ends)
    forward = steps > 0
    begin = tf.where(
        forward, tf.clip_by_value(begin, 0, sizes), tf.clip_by_value(begin, 0, sizes - 1)
    )
    end = tf.where(forward, tf.clip_by_value(end, 0, sizes), tf.clip_by_value(end, -1, sizes))
    # strided_slice reads -1 as the last element; one before the first is -1 - size.
    end = tf.where(end < 0, end - sizes, end)
    where = tf.constant([[axis] for axis in axes], tf.int32)
    full_begin = tf.tensor_scatter_nd_update(tf.zeros([rank], tf.int32), where, begin)
    full_end = tf.tensor_scatter_nd_update(tf.shape(x), where, end)
    full_steps = tf.tensor_scatter_nd_update(tf.ones([rank], tf.int32), where, steps)
    result = tf.strided_slice(x, full_begin, full_end, full_steps)
    result.set_shape([None if axis in axes else x.shape[axis] for axis in range(rank)])
    return result


def pad_dynamic(x, pads, axes, value):
    """ONNX's Pad of mode constant with pads known only at run time; none may be negative."""
    rank = x.shape.rank
    pairs = tf.transpose(tf.reshape(tf.cast(pads, tf.int32), [2, -1]))
    table = tf.tensor_scatter_nd_update(tf.zeros([rank, 2], tf.int32), [[a] for a in axes], pairs)
    return tf.pad(x, table, constant_values=tf.reshape(value, []))


def pad_edge(x, axis, before, after):
    """Repeat the first and last entries along one axis."""
    size = tf.shape(x)[axis]
    index = tf.clip_by_value(tf.range(-before, size + after), 0, size - 1)
    return tf.gather(x, index, axis=axis)


def pad_wrap(x, axis, before, after):
    """Continue periodically along one axis."""
    size = tf.shape(x)[axis]
    return tf.gather(x, tf.math.floormod(tf.range(-before, size + after), size), axis=axis)


def depth_to_space_crd(x, block):
    """DepthToSpace of mode CRD, channels-last."""
    sizes = tf.shape(x)
    channels = x.shape[-1] // (block * block)
    split = tf.reshape(x, [sizes[0], sizes[1], sizes[2], channels, block, block])
    moved = tf.transpose(split, [0, 1, 4, 2, 5, 3])
    return tf.reshape(moved, [sizes[0], sizes[1] * block, sizes[2] * block, channels])
