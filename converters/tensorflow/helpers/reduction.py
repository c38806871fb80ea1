"""Reductions whose axes are known only at run time."""

import tensorflow as tf


def axes_or_all(axes, x, none):
    """The axes to reduce; if the vector is empty, every one, or none where the node says so."""
    if none:
        return axes
    whole = tf.range(tf.rank(x))
    return tf.cond(tf.size(axes) > 0, lambda: tf.cast(axes, tf.int32), lambda: whole)
