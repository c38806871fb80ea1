"""Counting n-grams."""

import tensorflow as tf


def count_ngrams(x, pools, skips, size, weights, mode):
    """ONNX's TfIdfVectorizer of x [words] or [rows, words].

    `pools` has the n-grams of each length with the columns of the result where they count.
    """
    rows = tf.reshape(x, [1, -1]) if x.shape.rank < 2 else x
    words = tf.shape(rows)[1]
    total = tf.zeros([tf.shape(rows)[0], size], tf.float32)
    for grams, columns in pools:
        length = len(grams[0])
        for skip in range(1, 2 if length == 1 else skips + 2):
            count = tf.maximum(words - skip * (length - 1), 0)
            equal = True
            for i in range(length):
                part = rows[:, i * skip : i * skip + count]
                pool = tf.constant([gram[i] for gram in grams], rows.dtype)
                equal = tf.equal(part[..., None], pool) & equal
            hits = tf.reduce_sum(tf.cast(equal, tf.float32), axis=1)
            total += tf.transpose(tf.math.unsorted_segment_sum(tf.transpose(hits), columns, size))
    if mode == "IDF":
        total = tf.minimum(total, 1.0)
    if weights is not None and mode != "TF":
        total *= tf.constant(weights, tf.float32)
    return tf.reshape(total, [size]) if x.shape.rank < 2 else total
