"""Boxes."""

import tensorflow as tf


def non_max_suppression(boxes, scores, limit, overlap, threshold, center):
    """ONNX's NonMaxSuppression: rows of batch, class and box, the best of each class first."""
    if center:
        x, y, width, height = tf.unstack(boxes, axis=-1)
        boxes = tf.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], axis=-1)
    classes = tf.shape(scores)[1]
    count = tf.shape(scores)[0] * classes
    most = tf.cast(tf.shape(boxes)[1], tf.int64)
    limit = tf.cast(tf.clip_by_value(tf.cast(tf.reshape(limit, []), tf.int64), 0, most), tf.int32)
    found = tf.TensorArray(tf.int32, size=count, infer_shape=False, element_shape=[None, 3])

    def step(i, found):
        batch, label = i // classes, i % classes
        picked = tf.image.non_max_suppression(
            boxes[batch], scores[batch, label], limit, tf.reshape(overlap, []),
            tf.reshape(threshold, []),
        )  # fmt: skip
        rows = [tf.fill(tf.shape(picked), batch), tf.fill(tf.shape(picked), label), picked]
        return i + 1, found.write(i, tf.stack(rows, axis=-1))

    found = tf.while_loop(lambda i, _: i < count, step, (tf.constant(0), found))[1]
    return tf.cast(found.concat(), tf.int64)
