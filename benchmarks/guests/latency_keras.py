"""Runs in the Keras worker: a converted .keras file and the network built in Keras."""

import importlib

import keras
import tensorflow as tf
from interleaved import channels_last, take_turns

from interop.workers.tensors import read_tensors


def compare(folder, artifact, names, outputs, definition, rounds):
    """See `interleaved.take_turns`. Both models are called as keras.Model.predict does: traced."""
    feeds = read_tensors(f"{folder}/in")
    module, _, name = definition.partition(":")
    native = traced(getattr(importlib.import_module(module), name)())
    model = keras.models.load_model(artifact, compile=False)
    converted = traced(model)
    last = dict(zip(feeds, map(tf.constant, channels_last(feeds.values())), strict=True))
    made = {made: tf.constant(feeds[n]) for n, made in names.items()}
    given = [made[tensor.name] for tensor in model.inputs]
    contenders = {
        "native": lambda: [native(last)[output].numpy() for output in outputs],
        "interop": lambda: [value.numpy() for value in keras.tree.flatten(converted(given))],
    }
    return take_turns(contenders, rounds, {})


def traced(model):
    return tf.function(lambda feeds: model(feeds, training=False))


OPERATIONS = {"compare": compare}
