"""Sequences of tensors are Python lists while a model is traced."""

import tensorflow as tf


def sequence_at(sequence, position):
    """The tensor at a position that is known only at run time."""
    place = tf.math.floormod(tf.cast(tf.reshape(position, []), tf.int32), len(sequence))
    return tf.switch_case(place, [lambda x=x: tf.identity(x) for x in sequence])


def sequence_insert(sequence, x, position):
    """With `x` at a position that is known only at run time."""
    place = tf.cast(tf.reshape(position, []), tf.int32)
    place = tf.where(place < 0, place + len(sequence), place)
    values = [*sequence, x]

    def entry(i):
        choices = [values[i], x, values[i - 1]]
        return tf.switch_case(1 + tf.sign(i - place), [lambda v=v: tf.identity(v) for v in choices])

    return [entry(i) for i in range(len(values))]


def sequence_erase(sequence, position):
    """All but the tensor at a position."""
    return [x for place, x in enumerate(sequence) if place != position % len(sequence)]


def sequence_map(body, count, first, others):
    """SequenceMap: `body` of each tensor of `first`, and of what stands beside it in other lists."""
    results = []
    for place, x in enumerate(first):
        beside = [other[place] if isinstance(other, list) else other for other in others]
        result = body(x, *beside)
        results.append(result if isinstance(result, list) else [result])
    return [[result[i] for result in results] for i in range(count)]


def split_to_sequence(x, size, axis, keep):
    """Parts of `size` along an axis, the last maybe smaller; one each, without the axis, if not `keep`."""
    if not keep:
        return tf.unstack(x, axis=axis)
    whole = x.shape[axis]
    rest = [whole % size] if whole % size else []
    return tf.split(x, [size] * (whole // size) + rest, axis=axis)
