"""Resizing."""

import numpy as np
import tensorflow as tf


def resize_axis(x, axis, size, scale, mode, coordinates, nearest, cubic, exclude_outside):
    """Resize along one axis by ONNX's coordinate rules: a gather (nearest) or a small matrix."""
    old = tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]
    if size is None:
        size = tf.cast(tf.floor(tf.cast(old, tf.float32) * scale), tf.int32)
        factor = tf.cast(scale, tf.float32)
        if x.shape[axis] is not None and not tf.is_tensor(scale):
            size = int(np.floor(np.float32(old) * np.float32(scale)))
    else:
        size = tf.cast(size, tf.int32)
        factor = tf.cast(size, tf.float32) / tf.cast(old, tf.float32)
    length = tf.cast(old, tf.float32)
    stretched = tf.cast(size, tf.float32) if scale is None else factor * length
    target = tf.cast(tf.range(size), tf.float32)
    if coordinates == "asymmetric":
        place = target / factor
    elif coordinates == "align_corners":
        place = tf.where(stretched == 1, 0.0, target * (length - 1) / (stretched - 1))
    elif coordinates == "pytorch_half_pixel":
        place = tf.where(size > 1, (target + 0.5) / factor - 0.5, 0.0)
    elif coordinates == "half_pixel_symmetric":
        adjusted = tf.cast(size, tf.float32) / stretched
        place = length / 2 * (1 - adjusted) + (target + 0.5) / factor - 0.5
    else:  # half_pixel
        place = (target + 0.5) / factor - 0.5
    if mode == "nearest":
        rounded = {
            "floor": tf.floor(place),
            "ceil": tf.math.ceil(place),
            "round_prefer_floor": tf.math.ceil(place - 0.5),
            "round_prefer_ceil": tf.floor(place + 0.5),
        }[nearest]
        return tf.gather(x, tf.clip_by_value(tf.cast(rounded, tf.int32), 0, old - 1), axis=axis)
    first = tf.floor(place)
    part = place - first
    if mode == "linear":
        offsets, weights = [0, 1], [1 - part, part]
    else:
        a = cubic
        offsets = [-1, 0, 1, 2]
        weights = []
        for offset in offsets:
            d = tf.abs(part - offset)
            near = ((a + 2) * d - (a + 3)) * d * d + 1
            far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
            weights.append(tf.where(d <= 1, near, tf.where(d < 2, far, 0.0)))
    index = tf.cast(first, tf.int32)
    if exclude_outside:
        inside = [tf.cast((index + o >= 0) & (index + o < old), tf.float32) for o in offsets]
        weights = [w * i for w, i in zip(weights, inside)]
        total = tf.add_n(weights)
        weights = [w / total for w in weights]
    shape = [-1] + [1] * (x.shape.rank - 1 - axis % x.shape.rank)
    terms = []
    for offset, weight in zip(offsets, weights):
        taken = tf.gather(x, tf.clip_by_value(index + offset, 0, old - 1), axis=axis)
        terms.append(tf.cast(taken, tf.float32) * tf.reshape(weight, shape))
    return tf.cast(tf.add_n(terms), x.dtype)
