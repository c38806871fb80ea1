"""Columns put back where they came from, channels first."""

import tensorflow as tf


def col2im(x, image, block, dilations, pads, strides):
    """ONNX's Col2Im: x [N, C * block, blocks], overlapping blocks added up."""
    rank = image.shape[0]
    image = tf.unstack(tf.cast(image, tf.int32), num=rank)
    block = tf.unstack(tf.cast(block, tf.int32), num=rank)
    padded = [size + pads[i] + pads[rank + i] for i, size in enumerate(image)]
    places = tf.zeros([1] * (2 * rank), tf.int32)
    for axis in range(rank):
        counts = (padded[axis] - (block[axis] - 1) * dilations[axis] - 1) // strides[axis] + 1
        inner = tf.range(block[axis])[:, None] * dilations[axis]
        along = inner + tf.range(counts)[None, :] * strides[axis]
        shape = [1] * (2 * rank)
        shape[axis], shape[rank + axis] = block[axis], counts
        places = places * padded[axis] + tf.reshape(along, shape)
    cells = tf.reduce_prod(tf.stack(block))
    batch, channels = tf.shape(x)[0], tf.shape(x)[1] // cells
    columns = tf.reshape(x, [batch * channels, -1])
    total = tf.math.unsorted_segment_sum(
        tf.transpose(columns), tf.reshape(places, [-1]), tf.reduce_prod(tf.stack(padded))
    )
    whole = tf.reshape(tf.transpose(total), [batch, channels, *padded])
    inside = [slice(pads[i], pads[i] + size) for i, size in enumerate(image)]
    return whole[(slice(None), slice(None), *inside)]
