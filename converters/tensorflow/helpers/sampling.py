"""Resizing."""

import numpy as np
import tensorflow as tf


def resized_places(old, size, factor, stretched, coordinates, roi):
    """Where each of `size` results lies along an axis of `old` entries, by ONNX's rules."""
    length = tf.cast(old, tf.float32)
    target = tf.cast(tf.range(size), tf.float32)
    if coordinates == "asymmetric":
        return target / factor
    if coordinates == "align_corners":
        return tf.where(stretched == 1, 0.0, target * (length - 1) / (stretched - 1))
    if coordinates == "tf_crop_and_resize":
        start, end = roi[0] * (length - 1), roi[1] * (length - 1)
        step = (end - start) / tf.cast(tf.maximum(size - 1, 1), tf.float32)
        return tf.where(size > 1, start + target * step, (start + end) / 2)
    place = (target + 0.5) / factor - 0.5
    if coordinates == "pytorch_half_pixel":
        return tf.where(size > 1, place, 0.0)
    if coordinates == "half_pixel_symmetric":
        return length / 2 * (1 - tf.cast(size, tf.float32) / stretched) + place
    return place  # half_pixel


def resize_kernel(distance, mode, cubic):
    """The weight of an entry at that distance: a triangle, or Keys' cubic."""
    d = tf.abs(distance)
    if mode == "linear":
        return tf.maximum(1 - d, 0.0)
    near = ((cubic + 2) * d - (cubic + 3)) * d * d + 1
    far = ((cubic * d - 5 * cubic) * d + 8 * cubic) * d - 4 * cubic
    return tf.where(d <= 1, near, tf.where(d < 2, far, 0.0))


def resize_axis(
    x, axis, size, scale, mode, coordinates, nearest, cubic, exclude_outside,
    antialias=False, roi=None, outside=0.0,
):  # fmt: skip
    """Resize along one axis by ONNX's coordinate rules: a gather, or a few weighted ones."""
    old = tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]
    length = tf.cast(old, tf.float32)
    if size is None:
        part = 1.0 if roi is None else roi[1] - roi[0]
        size = tf.cast(tf.floor(length * part * tf.cast(scale, tf.float32)), tf.int32)
        if x.shape[axis] is not None and roi is None and not tf.is_tensor(scale):
            size = int(np.floor(np.float32(old) * np.float32(scale)))
    else:
        size = tf.cast(size, tf.int32)
    exact = tf.cast(size, tf.float32)
    factor = exact / length if scale is None else tf.cast(scale, tf.float32)
    stretched = exact if scale is None else factor * length
    place = resized_places(old, size, factor, stretched, coordinates, roi)
    if mode == "nearest":
        rounded = {
            "floor": tf.floor(place),
            "ceil": tf.math.ceil(place),
            "round_prefer_floor": tf.math.ceil(place - 0.5),
            "round_prefer_ceil": tf.floor(place + 0.5),
        }[nearest]
        index = tf.clip_by_value(tf.cast(rounded, tf.int32), 0, old - 1)
        result = tf.gather(x, index, axis=axis)
    else:
        first = tf.floor(place)
        index, part = tf.cast(first, tf.int32), place - first
        reach = 1 if mode == "linear" else 2
        if antialias:
            squeezed = tf.minimum(factor, 1.0)
            steps = tf.cast(tf.math.ceil(reach / squeezed), tf.int32)
            offsets = tf.range(1 - steps, steps + 1)
        else:
            squeezed = 1.0
            offsets = tf.range(1 - reach, reach + 1)
        distances = tf.cast(offsets, tf.float32) - part[:, None]
        weights = resize_kernel(distances * squeezed, mode, cubic)
        places = index[:, None] + offsets
        if antialias:
            weights = weights / tf.reduce_sum(weights, axis=1, keepdims=True)
        if exclude_outside:
            weights = tf.where((places >= 0) & (places < old), weights, 0.0)
            weights = weights / tf.reduce_sum(weights, axis=1, keepdims=True)
        places = tf.clip_by_value(places, 0, old - 1)
        values = tf.cast(x, tf.float32)
        tail = [1] * (x.shape.rank - 1 - axis % x.shape.rank)
        if antialias:  # many weights: a matrix of them
            matrix = tf.reduce_sum(tf.one_hot(places, old) * weights[..., None], axis=1)
            result = tf.tensordot(values, matrix, axes=[[axis], [1]])
            order = list(range(x.shape.rank - 1))
            order.insert(axis % x.shape.rank, x.shape.rank - 1)
            result = tf.transpose(result, order)
        else:
            result = tf.add_n(
                [
                    tf.gather(values, places[:, i], axis=axis)
                    * tf.reshape(weights[:, i], [-1, *tail])
                    for i in range(2 * reach)
                ]
            )
        result = tf.cast(result, x.dtype)
    if roi is None:
        return result
    inside = tf.reshape(
        (place >= 0) & (place <= length - 1), [-1] + [1] * (len(x.shape) - 1 - axis)
    )
    return tf.where(inside, result, tf.cast(outside, x.dtype))


def resize_keeping_aspect(x, sizes, axes, larger, **options):
    """Resize by one scale for all axes: the largest that `sizes` allow, or the least they need."""
    old = tf.cast(tf.gather(tf.shape(x), axes), tf.float64)
    scales = tf.cast(sizes, tf.float64) / old
    scale = tf.reduce_max(scales) if larger else tf.reduce_min(scales)
    rounded = tf.unstack(tf.cast(tf.floor(scale * old + 0.5), tf.int32), num=len(axes))
    for axis, size in zip(axes, rounded):
        x = resize_axis(x, axis, size=size, scale=scale, **options)
    return x
