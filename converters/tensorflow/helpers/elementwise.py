"""Operators on each element for which TensorFlow's own mean something else."""

import tensorflow as tf


def bit_shift(x, amount, left):
    """BitShift: amounts below zero, or past the width, leave what extending the sign bit gives."""
    width = 8 * x.dtype.size
    zero = tf.zeros([], x.dtype)
    signed = x.dtype.min < 0
    inside = amount < tf.constant(width, x.dtype)
    inside = inside & (amount >= zero) if signed else inside
    shift = tf.bitwise.left_shift if left else tf.bitwise.right_shift
    shifted = shift(x, tf.where(inside, amount, zero))
    rest = tf.where(x < zero, -tf.ones([], x.dtype), zero) if signed and not left else zero
    return tf.where(inside, shifted, rest)


def truncated_mod(a, b):
    """The remainder with the sign of the dividend, for dtypes in which TensorFlow has none."""
    wide = tf.int64 if a.dtype.is_integer else tf.float32
    return tf.cast(tf.truncatemod(tf.cast(a, wide), tf.cast(b, wide)), a.dtype)
