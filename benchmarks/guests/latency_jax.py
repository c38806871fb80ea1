"""Runs in an interpreter with JAX: a converted program, the network in flax, and a peer's conversion."""

import importlib

import jax
import numpy as np
from flax import nnx
from interleaved import channels_last, reason, take_turns

from interop.workers.tensors import read_tensors

jax.config.update("jax_traceback_filtering", "off")
jax.config.update("jax_enable_x64", True)  # a program that takes int64 insists


def compare(folder, artifact, names, outputs, definition, rounds):
    """See `interleaved.take_turns`. `folder` holds model.onnx and `in`."""
    feeds = read_tensors(f"{folder}/in")
    module, _, name = definition.partition(":")
    graph, state = nnx.split(getattr(importlib.import_module(module), name)())
    native = jax.jit(lambda state, *feeds: nnx.merge(graph, state)(*feeds))
    last = [jax.numpy.asarray(a) for a in channels_last(feeds.values())]
    with open(artifact, "rb") as file:
        program = jax.jit(jax.export.deserialize(bytearray(file.read())).call)
    given = {made: jax.numpy.asarray(feeds[n]) for n, made in names.items()}
    contenders = {
        "native": lambda: taken(native(state, *last), outputs),
        "interop": lambda: taken(program(**given), outputs),
    }
    missing = {}
    try:
        contenders["jaxonnxruntime"] = jaxonnxruntime(f"{folder}/model.onnx", feeds)
    except Exception as error:  # noqa: BLE001 - what a peer cannot do is what is to be told
        missing["jaxonnxruntime"] = reason(error)
    return take_turns(contenders, rounds, missing)


def taken(results, outputs):
    return [np.asarray(results[output]) for output in outputs]


def jaxonnxruntime(path, feeds):
    import onnx
    from jaxonnxruntime import config
    from jaxonnxruntime.call_onnx import call_onnx_model

    config.update("jaxort_only_allow_initializers_as_static_args", False)
    function, weights = call_onnx_model(onnx.load(path), feeds)
    compiled = jax.jit(function)
    given = {name: jax.numpy.asarray(array) for name, array in feeds.items()}
    return lambda: [np.asarray(value) for value in compiled(weights, given)]


OPERATIONS = {"compare": compare}
