"""Gradients of a written source in Keras."""

from typing import Any

import keras
import numpy as np

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.written import import_source


def gradients(source: str, inputs: str, cotangents: str, target: str) -> dict[str, Any]:
    """Write into `target` the gradients of the sum over outputs of output times cotangent.

    source: the folder of a written source. inputs: a folder of tensors in the order in which it takes
    them; cotangents: one by the names of its outputs, those without one left out of the sum.

    Written are `input:<name>` for float inputs, `weight:<name>` for variables that the sum depends on,
    `value:<name>` (what each of them is) and `output:<name>`.

    Keras itself has no gradients: they are its TensorFlow backend's. Raises UsageError on another.
    """
    if keras.backend.backend() != "tensorflow":
        raise GuestFailure("UsageError", "gradients in Keras are taken on its TensorFlow backend")
    import tensorflow as tf

    model = import_source(source).load()
    feeds = {name: tf.constant(np.asarray(array)) for name, array in read_tensors(inputs).items()}
    floats = {name: feed for name, feed in feeds.items() if feed.dtype.is_floating}
    weights = read_tensors(cotangents)
    variables = {v.path.replace("/", "."): v.value for v in model.trainable_variables}
    with tf.GradientTape() as tape:
        for feed in floats.values():
            tape.watch(feed)
        results = model(list(feeds.values()))
        total = tf.add_n(
            [tf.reduce_sum(results[name] * weight) for name, weight in weights.items()]
        )
    by_variable, by_input = tape.gradient(total, [variables, floats])
    found = {f"output:{name}": results[name] for name in weights}
    found.update({f"input:{name}": g for name, g in by_input.items() if g is not None})
    found.update({f"weight:{name}": g for name, g in by_variable.items() if g is not None})
    found.update({f"value:{name}": variable for name, variable in variables.items()})
    write_tensors(target, {n: tf.convert_to_tensor(value).numpy() for n, value in found.items()})
    return {}
