"""Text: its parts, its words, and counts of its n-grams."""

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


def split_text(x, delimiter, limit):
    """ONNX's StringSplit: the parts along a new last axis, filled up with "", and their number."""
    parts = tf.strings.split(tf.reshape(x, [-1]), delimiter, maxsplit=limit)
    if not delimiter:  # TensorFlow gives an empty rest, too
        parts = tf.ragged.boolean_mask(parts, tf.not_equal(parts, ""))
    filled = parts.to_tensor()
    shape = tf.concat([tf.shape(x), tf.shape(filled)[1:]], 0)
    return tf.reshape(filled, shape), tf.reshape(parts.row_lengths(), tf.shape(x))


def normalized_text(x, stopwords, case_sensitive, change):
    """ONNX's StringNormalizer of x [words] or [1, words]: some words left out, the case changed."""
    words = tf.reshape(x, [-1])
    if stopwords:
        compared = words if case_sensitive else tf.strings.lower(words, "utf-8")
        stops = stopwords if case_sensitive else [word.lower() for word in stopwords]
        stopped = tf.reduce_any(tf.equal(compared[:, None], tf.constant(stops)), axis=1)
        words = tf.boolean_mask(words, ~stopped)
    if change is not None:
        words = change(words, "utf-8")
    words = tf.cond(tf.size(words) > 0, lambda: words, lambda: tf.constant([""]))
    return words if x.shape.rank == 1 else words[None]
