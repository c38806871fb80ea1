"""Reshape."""

import tensorflow as tf


def reshape_known(x, target, known):
    """As tf.reshape; the sizes in `known` that are no None are those of `target`."""
    sizes = [target[axis] if size is None else size for axis, size in enumerate(known)]
    return tf.reshape(x, sizes)
