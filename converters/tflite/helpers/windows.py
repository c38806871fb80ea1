"""Transposed convolutions of images as TFLite has them: padded by SAME, or not at all."""

import tensorflow as tf


def conv_transpose_same(x, filters, strides, cut):
    """A transposed convolution, data channels-last, filters [H, W, out, in], without the edges `cut`.

    Those are (before, after) of each axis, as SAME finds them from the size of the result.
    """
    sizes = tf.shape(x)
    shape = [sizes[0]]
    for i, (before, after) in enumerate(cut):
        size = sizes[i + 1] if x.shape[i + 1] is None else x.shape[i + 1]
        shape.append((size - 1) * strides[i] + filters.shape[i] - before - after)
    return tf.nn.conv2d_transpose(x, filters, [*shape, filters.shape[2]], strides, "SAME")
