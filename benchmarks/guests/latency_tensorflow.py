"""Runs in the TensorFlow worker: a converted SavedModel, onnx2tf's, and the network built in Keras."""

import importlib

import tensorflow as tf
from interleaved import channels_last, reason, take_turns

from interop.workers.tensors import read_tensors


def compare(folder, artifact, names, outputs, definition, rounds):
    """See `interleaved.take_turns`. `folder` holds `in` and perhaps onnx2tf's SavedModel, `peer`.

    names: of the model's inputs → of the artifact's, in order.
    """
    feeds = read_tensors(f"{folder}/in")
    module, _, name = definition.partition(":")
    network = getattr(importlib.import_module(module), name)()
    native = tf.function(lambda feeds: network(feeds, training=False))
    last = dict(zip(feeds, map(tf.constant, channels_last(feeds.values())), strict=True))
    contenders = {
        "native": lambda: [native(last)[output].numpy() for output in outputs],
        "interop": saved(
            artifact, {made: tf.constant(feeds[n]) for n, made in names.items()}, outputs
        ),
    }
    missing = {}
    if tf.io.gfile.exists(f"{folder}/peer/saved_model.pb"):
        try:
            contenders["onnx2tf"] = peer(f"{folder}/peer", feeds, outputs)
        except Exception as error:  # noqa: BLE001 - what a peer cannot do is what is to be told
            missing["onnx2tf"] = reason(error)
    return take_turns(contenders, rounds, missing)


def saved(path, feeds, outputs):
    function = tf.saved_model.load(path).signatures["serving_default"]

    def call():
        results = function(**feeds)
        return [results[output].numpy() for output in outputs]

    call.keep = function
    return call


def peer(path, feeds, outputs):
    """onnx2tf turns images NHWC and gives its outputs in its own order of names."""
    loaded = tf.saved_model.load(path)
    function = loaded.signatures["serving_default"]
    specs = function.structured_input_signature[1]
    given = {}
    for name, spec in specs.items():
        array = feeds[next(n for n in feeds if n == name or n in name)]
        shape = spec.shape.as_list()
        if array.ndim == 4 and shape[1:] != list(array.shape[1:]):
            array = array.transpose(0, 2, 3, 1)
        given[name] = tf.constant(array)

    def call():
        results = function(**given)
        return [results[output].numpy() for output in outputs]

    call.keep = loaded
    return call


OPERATIONS = {"compare": compare}
