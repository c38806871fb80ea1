"""Normalisations."""

import tensorflow as tf


def normalize(x, axes, epsilon):
    """Zero mean and unit variance over `axes`; halves are computed in single precision."""
    dtype = x.dtype
    x = tf.cast(x, tf.float32) if dtype in (tf.float16, tf.bfloat16) else x
    mean = tf.reduce_mean(x, axis=axes, keepdims=True)
    centred = x - mean
    variance = tf.reduce_mean(tf.square(centred), axis=axes, keepdims=True)
    return tf.cast(centred * tf.math.rsqrt(variance + epsilon), dtype)


def group_normalize(x, groups, epsilon):
    """Zero mean and unit variance over space and each group of channels; channels-last."""
    shape = tf.shape(x)
    grouped = tf.reshape(x, [shape[0], -1, groups, x.shape[-1] // groups])
    return tf.reshape(normalize(grouped, [1, 3], epsilon), shape)


def local_response_normalization(x, size, alpha, beta, bias):
    """LRN over the last axis, for windows and ranks that TensorFlow's own does not take."""
    before, after = (size - 1) // 2, size // 2
    squares = tf.pad(tf.square(x), [[0, 0]] * (x.shape.rank - 1) + [[before, after]])
    channels = x.shape[-1]
    total = tf.add_n([squares[..., i : i + channels] for i in range(size)])
    return x / tf.pow(bias + alpha / size * total, beta)


def batch_normalize(x, scale, bias, running_mean, running_variance, epsilon, momentum):
    """Training: normalised by the batch's own statistics, which also move the running ones."""
    mean, variance = tf.nn.moments(x, list(range(x.shape.rank - 1)))
    y = tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon)
    moved = [
        old * momentum + new * (1 - momentum)
        for old, new in ((running_mean, mean), (running_variance, variance))
    ]
    return [y, *moved]
