"""Products of matrices whose ranks show only when the model is traced."""

import tensorflow as tf


def matmul(a, b):
    """numpy.matmul."""
    left, right = a.shape.rank, b.shape.rank
    if left == 1 and right == 1:
        return tf.tensordot(a, b, axes=1)
    if left == 1:
        return tf.squeeze(tf.matmul(tf.expand_dims(a, 0), b), axis=-2)
    return tf.linalg.matvec(a, b) if right == 1 else tf.matmul(a, b)
