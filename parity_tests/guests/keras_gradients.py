"""Runs in the Keras worker, on its TensorFlow backend: gradients of a written source."""

import tensorflow as tf

from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.written import import_source


def gradients(folder, inputs, cotangents, target):
    """Of the sum over outputs of output times cotangent, by every variable and float input."""
    model = import_source(folder).load()
    feeds = [tf.constant(array) for array in read_tensors(inputs).values()]
    floats = {i: feed for i, feed in enumerate(feeds) if feed.dtype.is_floating}
    with tf.GradientTape() as tape:
        for feed in floats.values():
            tape.watch(feed)
        results = list(model(feeds).values())
        weights = list(read_tensors(cotangents).values())
        loss = tf.add_n([tf.reduce_sum(r * w) for r, w in zip(results, weights, strict=True)])
    variables = {v.path.replace("/", "."): v.value for v in model.trainable_variables}
    found = tape.gradient(loss, [variables, floats])
    grads = {
        f"weight:{n}": tf.convert_to_tensor(g).numpy() for n, g in found[0].items() if g is not None
    }
    grads.update({f"value:{n}": v.numpy() for n, v in variables.items()})
    grads.update({f"input:{i}": g.numpy() for i, g in found[1].items() if g is not None})
    write_tensors(target, grads)
    return {}


OPERATIONS = {"gradients": gradients}
