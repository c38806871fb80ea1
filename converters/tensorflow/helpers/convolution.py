"""Transposed and grouped convolutions over channels-last data."""

import tensorflow as tf


def grouped_conv3d(x, filters, group, strides, dilations=None):
    """A 3-D convolution in groups, by splitting channels."""
    parts = zip(tf.split(x, group, axis=-1), tf.split(filters, group, axis=-1))
    options = {} if dilations is None else {"dilations": dilations}
    return tf.concat([tf.nn.conv3d(a, f, strides, "VALID", **options) for a, f in parts], axis=-1)


def transposed_full(x, filters, strides, dilations, group, convolve):
    """The unpadded transposed convolution of any rank, group by group."""
    rank = len(strides)
    for axis, dilation in enumerate(dilations):
        if dilation > 1:  # holes in the filters: TensorFlow has no dilated transposed convolution
            size = filters.shape[axis]
            table = [[0, 0]] * (axis + 1) + [[0, dilation - 1]] + [[0, 0]] * (rank + 1 - axis)
            spread = tf.pad(tf.expand_dims(filters, axis + 1), table)
            shape = list(filters.shape)
            shape[axis] = size * dilation
            filters = tf.reshape(spread, shape)
            filters = tf.gather(filters, tf.range((size - 1) * dilation + 1), axis=axis)
    kernel = filters.shape[:rank]
    sizes = tf.shape(x)
    full = [(sizes[i + 1] - 1) * strides[i] + kernel[i] for i in range(rank)]
    static = [
        None if x.shape[i + 1] is None else (x.shape[i + 1] - 1) * strides[i] + kernel[i]
        for i in range(rank)
    ]
    full = [f if s is None else s for f, s in zip(full, static)]
    shape = [sizes[0], *full, filters.shape[-2]]
    parts = zip(tf.split(x, group, axis=-1), tf.split(filters, group, axis=-1))
    results = [convolve(a, f, shape) for a, f in parts]
    return results[0] if group == 1 else tf.concat(results, axis=-1)


def cut_edges(x, cut):
    """Take `before` and `after` entries off each spatial axis; a negative number adds zeros."""
    if any(a < 0 or b < 0 for b, a in cut):
        x = tf.pad(x, [[0, 0], *[[max(-b, 0), max(-a, 0)] for b, a in cut], [0, 0]])
    index = [slice(None)] + [slice(max(b, 0), -a if a > 0 else None) for b, a in cut]
    return x[tuple(index)]


def conv_transpose_1d(x, filters, strides, dilations, group, cut):
    """ONNX's ConvTranspose in one dimension."""

    def convolve(a, f, shape):
        return tf.nn.conv1d_transpose(a, f, shape, strides[0], "VALID")

    return cut_edges(transposed_full(x, filters, strides, dilations, group, convolve), cut)


def conv_transpose_2d(x, filters, strides, dilations, group, cut):
    """ONNX's ConvTranspose in two dimensions, data channels-last, filters [H, W, out, in]."""
    if group == 1 and all(d == 1 for d in dilations) and all(b >= 0 and a >= 0 for b, a in cut):
        sizes = tf.shape(x)
        shape = [sizes[0]]
        for i in range(2):
            size = sizes[i + 1] if x.shape[i + 1] is None else x.shape[i + 1]
            shape.append((size - 1) * strides[i] + filters.shape[i] - cut[i][0] - cut[i][1])
        padding = [[0, 0], *[list(pair) for pair in cut], [0, 0]]
        if not any(b or a for b, a in cut):
            padding = "VALID"
        return tf.nn.conv2d_transpose(x, filters, [*shape, filters.shape[2]], strides, padding)

    def convolve(a, f, shape):
        return tf.nn.conv2d_transpose(a, f, shape, strides, "VALID")

    return cut_edges(transposed_full(x, filters, strides, dilations, group, convolve), cut)


def conv_transpose_3d(x, filters, strides, dilations, group, cut):
    """ONNX's ConvTranspose in three dimensions."""

    def convolve(a, f, shape):
        return tf.nn.conv3d_transpose(a, f, shape, [1, *strides, 1], "VALID")

    return cut_edges(transposed_full(x, filters, strides, dilations, group, convolve), cut)
