"""Runs in the TensorFlow worker: a converted SavedModel against the same network built in Keras."""

import gc
import importlib
import random
import time

import numpy as np
import tensorflow as tf


def compare(saved_model, definition, shape, rounds, seed):
    """Interleaved single calls, in random order within each round, after warm-up.

    `shape` is the NCHW input of the SavedModel; Keras gets the same image as NHWC. Returns seconds
    by contender, the number of Transpose nodes in the SavedModel's graph before and after Grappler,
    and the largest difference between the two outputs, relative to the largest output.
    """
    loaded = tf.saved_model.load(saved_model)
    converted = loaded.signatures["serving_default"]
    module, _, name = definition.partition(":")
    keras_model = getattr(importlib.import_module(module), name)()
    keras_call = tf.function(lambda image: keras_model(image, training=False))
    image = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    [argument] = converted.structured_input_signature[1]
    first = tf.constant(image)
    last = tf.constant(image.transpose(0, 2, 3, 1))
    contenders = {
        "converted": lambda: next(iter(converted(**{argument: first}).values())).numpy(),
        "keras": lambda: next(iter(keras_call(last).values())).numpy(),
    }
    outputs = {name: run() for name, run in contenders.items() for _ in range(5)}
    theirs = outputs["keras"]
    if theirs.ndim == 4:
        theirs = theirs.transpose(0, 3, 1, 2)
    difference = float(np.abs(outputs["converted"] - theirs).max() / np.abs(theirs).max())
    seconds = {name: [] for name in contenders}
    order = random.Random(seed)
    gc.disable()
    for _ in range(rounds):
        for name in order.sample(sorted(contenders), len(contenders)):
            start = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - start)
    graph = converted.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return {
        "seconds": seconds,
        "transposes": sum(node.op == "Transpose" for node in nodes),
        "difference": difference,
    }


OPERATIONS = {"compare": compare}
