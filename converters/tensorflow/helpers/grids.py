"""Sampling where a grid says: GridSample and DeformConv, over channels-last data."""

import numpy as np
import tensorflow as tf


def reflected(place, low, high):
    """Places beyond [low, high] mirrored back into it."""
    span = tf.maximum(high - low, 1e-6)
    turned = tf.math.floormod(place - low, 2 * span)
    mirrored = low + tf.minimum(turned, 2 * span - turned)
    return tf.where((place < low) | (place > high), mirrored, place)


def sample(x, places, mode, padding, bounds):
    """x [N, spatial…, C] at `places`, one [N, …] tensor of float pixel numbers for each axis.

    `bounds` are the lowest and highest place of each axis, between which reflections run.
    """
    sizes = tf.unstack(tf.shape(x)[1:-1], num=len(places))
    if mode == "nearest":
        places = [tf.round(place) for place in places]
    axes = []  # of each: the entries that take part, and their weights
    for place, size, (low, high) in zip(places, sizes, bounds):
        if padding == "border":
            last = tf.cast(size - 1, place.dtype)
            place = tf.where(
                (place < low) | (place > high), tf.clip_by_value(place, 0.0, last), place
            )
        elif padding == "reflection":
            place = reflected(place, low, high)
        first = tf.floor(place)
        part = place - first
        if mode == "nearest":
            weighted = [(place, tf.ones_like(place))]
        elif mode == "linear":
            weighted = [(first, 1 - part), (first + 1, part)]
        else:
            a = -0.75
            far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (part + 1, 2 - part)]
            near = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (part, 1 - part)]
            weights = [far[0], near[0], near[1], far[1]]
            weighted = [(first + i - 1, w) for i, w in enumerate(weights)]
        entries = []
        for index, weight in weighted:
            if padding == "reflection":
                index = reflected(index, low, high)
            index = tf.cast(index, tf.int32)
            if padding == "zeros":
                weight = tf.where((index >= 0) & (index < size), weight, 0.0)
            entries.append((tf.clip_by_value(index, 0, size - 1), weight))
        axes.append(entries)
    total = 0
    for choice in np.ndindex(*map(len, axes)):
        corner = [entries[i] for entries, i in zip(axes, choice)]
        weight = 1
        for _, w in corner:
            weight = weight * w
        taken = tf.gather_nd(x, tf.stack([index for index, _ in corner], axis=-1), batch_dims=1)
        total = total + taken * tf.cast(weight[..., None], x.dtype)
    return total


def grid_sample(x, grid, mode, padding, align):
    """ONNX's GridSample; grid [N, out…, axes] in [-1, 1], its last axis from the last spatial one."""
    grid = tf.cast(grid, tf.float32)
    rank = x.shape.rank - 2
    places, bounds = [], []
    for axis in range(rank):
        n = grid[..., rank - 1 - axis]
        size = tf.cast(tf.shape(x)[axis + 1], tf.float32)
        places.append((n + 1) / 2 * (size - 1) if align else ((n + 1) * size - 1) / 2)
        bounds.append((0.0, size - 1) if align else (-0.5, size - 0.5))
    return sample(x, places, mode, padding, bounds)


def deform_conv(x, w, offset, bias, mask, strides, pads, dilations, group, offset_group):
    """ONNX's DeformConv in two dimensions; everything with the channels first, as ONNX has it."""
    kernel = w.shape[2:]
    steps = kernel[0] * kernel[1]
    shape = tf.shape(offset)
    batch, height, width = shape[0], shape[2], shape[3]
    moved = tf.reshape(offset, [batch * offset_group, *kernel, 2, height, width])
    places = []
    for axis, count in enumerate((height, width)):
        start = tf.range(count) * strides[axis] - pads[axis]
        start = tf.reshape(start, [1, 1, 1, -1, 1] if axis == 0 else [1, 1, 1, 1, -1])
        inner = tf.range(kernel[axis]) * dilations[axis]
        inner = tf.reshape(inner, [1, -1, 1, 1, 1] if axis == 0 else [1, 1, -1, 1, 1])
        places.append(tf.cast(start + inner, x.dtype) + moved[:, :, :, axis])
    sizes = tf.shape(x)
    channels = x.shape[1] // offset_group
    data = tf.reshape(x, [batch * offset_group, channels, sizes[2], sizes[3]])
    taken = sample(tf.transpose(data, [0, 2, 3, 1]), places, "linear", "zeros", [(0.0, 0.0)] * 2)
    if mask is not None:
        taken *= tf.reshape(mask, [batch * offset_group, *kernel, height, width, 1])
    taken = tf.reshape(taken, [batch, offset_group, steps, height, width, channels])
    taken = tf.transpose(taken, [0, 1, 5, 2, 3, 4])
    taken = tf.reshape(taken, [batch, group, x.shape[1] // group, steps, height, width])
    weights = tf.reshape(w, [group, w.shape[0] // group, x.shape[1] // group, steps])
    result = tf.reshape(
        tf.einsum("ngckhw,gock->ngohw", taken, weights), [batch, w.shape[0], height, width]
    )
    return result if bias is None else result + tf.reshape(bias, [-1, 1, 1])
