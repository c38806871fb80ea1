"""Boxes: NonMaxSuppression and RoiAlign."""

import numpy as np
import tensorflow as tf


def non_max_suppression(boxes, scores, limit, overlap, threshold, center):
    """ONNX's NonMaxSuppression: rows of batch, class and box, the best of each class first."""
    if center:
        x, y, width, height = tf.unstack(boxes, axis=-1)
        boxes = tf.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], axis=-1)
    classes = tf.shape(scores)[1]
    count = tf.shape(scores)[0] * classes
    most = tf.cast(tf.shape(boxes)[1], tf.int64)
    limit = tf.cast(tf.clip_by_value(tf.cast(tf.reshape(limit, []), tf.int64), 0, most), tf.int32)
    found = tf.TensorArray(tf.int32, size=count, infer_shape=False, element_shape=[None, 3])

    def step(i, found):
        batch, label = i // classes, i % classes
        picked = tf.image.non_max_suppression(
            boxes[batch], scores[batch, label], limit, tf.reshape(overlap, []),
            tf.reshape(threshold, []),
        )  # fmt: skip
        rows = [tf.fill(tf.shape(picked), batch), tf.fill(tf.shape(picked), label), picked]
        return i + 1, found.write(i, tf.stack(rows, axis=-1))

    found = tf.while_loop(lambda i, _: i < count, step, (tf.constant(0), found))[1]
    return tf.cast(found.concat(), tf.int64)


def roi_places(start, length, bins, ratio, size):
    """Along one axis of `size`: the two entries around each sample [R, bins, S], their weights,
    and which samples there are."""
    step = length / bins
    grid = tf.math.ceil(step) if ratio <= 0 else tf.fill(tf.shape(step), float(ratio))
    samples = tf.cast(tf.reduce_max(grid), tf.int32)
    inner = (tf.range(tf.cast(samples, tf.float32)) + 0.5)[None, None, :] / grid[:, None, None]
    there = tf.range(samples)[None, None, :] < tf.cast(grid, tf.int32)[:, None, None]
    bin = tf.range(float(bins))[None, :, None]
    place = start[:, None, None] + (bin + inner) * step[:, None, None]
    last = tf.cast(size - 1, tf.float32)
    outside = (place < -1.0) | (place > last + 1)
    place = tf.clip_by_value(place, 0.0, last)
    low = tf.floor(place)
    part = place - low
    weights = [tf.where(outside, 0.0, w) for w in (1 - part, part)]
    entries = [tf.cast(low, tf.int32), tf.cast(tf.minimum(low + 1, last), tf.int32)]
    return entries, weights, tf.broadcast_to(there, tf.shape(place))


def roi_align(x, rois, batches, size, ratio, scale, mode, half_pixel):
    """ONNX's RoiAlign of x [N, C, H, W] → [rois, C, *size]."""
    dtype = x.dtype
    shift = 0.5 if half_pixel else 0.0
    corners = tf.unstack(tf.cast(rois, tf.float32) * scale - shift, num=4, axis=1)  # x, y, x, y
    data = tf.gather(tf.cast(x, tf.float32), batches)
    axes = []
    for axis in range(2):
        start, end = corners[1 - axis], corners[3 - axis]
        length = end - start if half_pixel else tf.maximum(end - start, 1.0)
        axes.append(roi_places(start, length, size[axis], ratio, tf.shape(x)[axis + 2]))
    (rows, down, vertical), (columns, across, horizontal) = axes
    if mode == "avg":  # a matrix of weights for each axis
        matrices = []
        for entries, weights, there, n in (
            (rows, down, vertical, tf.shape(x)[2]), (columns, across, horizontal, tf.shape(x)[3]),
        ):  # fmt: skip
            present = tf.cast(there, tf.float32)
            count = tf.maximum(tf.reduce_sum(present, axis=2, keepdims=True), 1.0)
            parts = [
                tf.one_hot(e, n) * (w * present / count)[..., None]
                for e, w in zip(entries, weights)
            ]
            matrices.append(tf.reduce_sum(tf.add_n(parts), axis=2))
        return tf.cast(tf.einsum("rph,rchw,rqw->rcpq", matrices[0], data, matrices[1]), dtype)
    best = None
    shape = tf.shape(horizontal)
    for row, weight_y in zip(rows, down):
        taken = tf.gather(data, tf.reshape(row, [shape[0], -1]), axis=2, batch_dims=1)
        for column, weight_x in zip(columns, across):
            pixels = tf.gather(taken, tf.reshape(column, [shape[0], -1]), axis=3, batch_dims=1)
            weights = tf.reshape(weight_y, [shape[0], 1, -1, 1]) * tf.reshape(
                weight_x, [shape[0], 1, 1, -1]
            )
            value = pixels * weights
            best = value if best is None else tf.maximum(best, value)
    there = tf.reshape(vertical, [shape[0], 1, -1, 1]) & tf.reshape(
        horizontal, [shape[0], 1, 1, -1]
    )
    best = tf.where(there, best, -np.inf)
    best = tf.reshape(best, [shape[0], -1, size[0], tf.shape(vertical)[2], size[1], shape[2]])
    return tf.cast(tf.reduce_max(best, axis=[3, 5]), dtype)


def max_roi_pool(x, rois, size, scale):
    """ONNX's MaxRoiPool of x [N, C, H, W] → [rois, C, *size]; rois are batch, x1, y1, x2, y2."""
    data = tf.gather(x, tf.cast(rois[:, 0], tf.int32))
    corners = tf.floor(tf.cast(rois[:, 1:], tf.float32) * scale + 0.5)
    for axis in range(2):
        start, end = corners[:, 1 - axis, None], corners[:, 3 - axis, None]
        step = tf.maximum(end - start + 1, 1.0) / size[axis]
        bin = tf.range(float(size[axis]))[None, :]
        low, high = tf.floor(bin * step) + start, tf.math.ceil((bin + 1) * step) + start
        place = tf.range(tf.cast(tf.shape(data)[2 + axis], tf.float32))
        inside = (place >= low[..., None]) & (place < high[..., None])
        shape = [-1, 1, 1, 1]
        shape[2 + axis] = tf.shape(place)[0]
        lowest = tf.constant(x.dtype.min, x.dtype)
        parts = []
        for i in range(size[axis]):
            here = tf.reshape(inside[:, i], shape)
            largest = tf.reduce_max(tf.where(here, data, lowest), axis=2 + axis)
            parts.append(
                tf.where(tf.reduce_any(here, axis=2 + axis), largest, tf.zeros([], x.dtype))
            )
        data = tf.stack(parts, axis=2 + axis)
    return data
