"""Cutting, padding and rearranging."""

import tensorflow as tf


def slice_dynamic(x, starts, ends, axes, steps):
    """ONNX's Slice where starts, ends, axes or steps are known only at run time."""
    rank = x.shape.rank
    known = None if tf.is_tensor(axes) else axes
    if axes is None:
        axes = tf.range(tf.size(starts))
        known = None if starts.shape[0] is None else range(starts.shape[0])
    where = tf.reshape(tf.cast(tf.math.floormod(axes, rank), tf.int32), [-1, 1])
    sizes = tf.gather_nd(tf.shape(x), where)
    steps = tf.ones_like(sizes) if steps is None else steps
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
    full_begin = tf.tensor_scatter_nd_update(tf.zeros([rank], tf.int32), where, begin)
    full_end = tf.tensor_scatter_nd_update(tf.shape(x), where, end)
    full_steps = tf.tensor_scatter_nd_update(tf.ones([rank], tf.int32), where, steps)
    result = tf.strided_slice(x, full_begin, full_end, full_steps)
    if known is not None:
        cut = [axis % rank for axis in known]
        result.set_shape([None if axis in cut else x.shape[axis] for axis in range(rank)])
    return result


def squeeze_dynamic(x, axes):
    """Squeeze over axes that are known only at run time."""
    rank = x.shape.rank
    places = tf.cast(tf.math.floormod(axes, rank), tf.int32)
    kept = tf.reduce_all(tf.not_equal(tf.range(rank)[:, None], places[None, :]), axis=1)
    shape = tf.boolean_mask(tf.shape(x), kept)
    shape.set_shape([None if axes.shape[0] is None else rank - axes.shape[0]])
    return tf.reshape(x, shape)


def unsqueeze_dynamic(x, axes):
    """Unsqueeze at axes that are known only at run time."""
    rank = tf.rank(x) + tf.size(axes)
    places = tf.math.floormod(tf.cast(tf.reshape(axes, [-1]), tf.int32), rank)
    new = tf.reduce_any(tf.equal(tf.range(rank)[:, None], places[None, :]), axis=1)
    shape = tf.tensor_scatter_nd_update(tf.ones([rank], tf.int32), tf.where(~new), tf.shape(x))
    if x.shape.rank is not None and axes.shape.num_elements() is not None:
        shape.set_shape([x.shape.rank + axes.shape.num_elements()])
    return tf.reshape(x, shape)


def reshape_dynamic(x, shape):
    """Reshape to a vector of unknown length, where 0 copies a dimension."""
    count = tf.size(shape)
    source = tf.cast(tf.shape(x), shape.dtype)
    source = tf.pad(source, [[0, tf.maximum(count - tf.size(source), 0)]])[:count]
    return tf.reshape(x, tf.where(tf.equal(shape, 0), source, shape))


def split_evenly(x, count, axis):
    """Parts of the same size along an axis, whose size may be unknown; the last may be smaller."""
    size = tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]
    each = -(-size // count)
    return tf.split(x, [each] * (count - 1) + [size - each * (count - 1)], axis=axis, num=count)


def pad_dynamic(x, pads, axes, mode, value):
    """ONNX's Pad where pads or axes are known only at run time; negative pads cut."""
    rank = x.shape.rank
    pairs = tf.transpose(tf.reshape(tf.cast(pads, tf.int32), [2, -1]))
    axes = tf.range(rank) if axes is None else tf.cast(tf.math.floormod(axes, rank), tf.int32)
    where = tf.reshape(axes, [-1, 1])
    table = tf.tensor_scatter_nd_update(tf.zeros([rank, 2], tf.int32), where, pairs)
    cut = tf.minimum(table, 0)
    x = tf.slice(x, -cut[:, 0], tf.shape(x) + cut[:, 0] + cut[:, 1])
    table = tf.maximum(table, 0)
    if mode == "constant":
        fill = tf.zeros([], x.dtype) if value is None else tf.reshape(value, [])
        return tf.pad(x, table, constant_values=fill)
    along = {"edge": pad_edge, "wrap": pad_wrap, "reflect": pad_reflect}[mode]
    for axis in range(rank):
        x = along(x, axis, table[axis, 0], table[axis, 1])
    return x


def pad_edge(x, axis, before, after):
    """Repeat the first and last entries along one axis."""
    size = tf.shape(x)[axis]
    index = tf.clip_by_value(tf.range(-before, size + after), 0, size - 1)
    return tf.gather(x, index, axis=axis)


def pad_wrap(x, axis, before, after):
    """Continue periodically along one axis."""
    size = tf.shape(x)[axis]
    return tf.gather(x, tf.math.floormod(tf.range(-before, size + after), size), axis=axis)


def pad_reflect(x, axis, before, after):
    """Continue by reflections along one axis, the ends not repeated."""
    size = tf.shape(x)[axis]
    place = tf.math.floormod(tf.range(-before, size + after), tf.maximum(2 * (size - 1), 1))
    return tf.gather(x, tf.minimum(place, 2 * (size - 1) - place), axis=axis)


def depth_to_space_crd(x, block):
    """DepthToSpace of mode CRD, channels-last."""
    sizes = tf.shape(x)
    channels = x.shape[-1] // (block * block)
    split = tf.reshape(x, [sizes[0], sizes[1], sizes[2], channels, block, block])
    moved = tf.transpose(split, [0, 1, 4, 2, 5, 3])
    return tf.reshape(moved, [sizes[0], sizes[1] * block, sizes[2] * block, channels])


def dropout(x, ratio, training):
    """Dropout in training mode, or not, as `training` says: what is left over, and what was kept."""
    rate = tf.cast(tf.where(tf.reshape(training, []), tf.cast(ratio, tf.float32), 0.0), tf.float32)
    kept = tf.random.uniform(tf.shape(x)) >= rate
    scale = tf.cast(1 / (1 - rate), x.dtype)
    return tf.where(kept, x * scale, tf.zeros([], x.dtype)), kept
