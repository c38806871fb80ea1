"""The TensorFlow worker: builds SavedModels from written source, loads them from disk, runs them."""

import errno
import importlib.util
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors

_state: dict[str, Any] = {}


def load_and_export(
    reference: str,
    path: str,
    inputs: list[dict[str, Any]] | None,
    outputs: list[str] | None,
    sizes: dict[str, int],
    trust: bool,
) -> dict[str, Any]:
    """Load the SavedModel that `reference` names and write it to `path` as ONNX.

    Its signature says what the inputs are; a SavedModel runs no Python, so `trust` is not needed.
    """
    # Here, since TFLite's environment, which builds by this module, has no onnx.
    from interop.converters.tensorflow import exporting

    folder = exporting.saved_model_in(reference)
    try:
        load(str(folder))
    except (KeyError, OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise GuestFailure(
            "InvalidModel",
            f"{folder} cannot be loaded by its serving_default signature: {error}",
            hint="Save it with signatures={'serving_default': a concrete function}.",
        ) from error
    names = _state["inputs"]
    if inputs is not None and sorted(spec["name"] for spec in inputs) != sorted(names):
        raise GuestFailure("UsageError", f"the SavedModel's inputs are {', '.join(names)}")
    wanted = _state["outputs"]
    counts = exporting.export(folder, Path(path), names, wanted)
    note = f"tf2onnx wrote {counts['nodes']} nodes, {counts['transposes']} of them Transpose"
    return {"inputs": names, "outputs": wanted, "notes": [note]}


def build(source: str, path: str) -> dict[str, Any]:
    """Import `source`/model.py, build the model with its weights, save it as a SavedModel."""
    spec = importlib.util.spec_from_file_location("model", os.path.join(source, "model.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.load()
    function = model.__call__.get_concrete_function()
    try:
        tf.saved_model.save(model, path, signatures={"serving_default": function})
    except (OSError, tf.errors.OpError) as error:
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        if full or "No space left" in str(error):
            raise GuestFailure(
                "OutputError", f"{path} could not be written: No space left on device",
                hint="Free some space or choose another --output.",
            ) from error  # fmt: skip
        raise
    nodes = [*function.graph.as_graph_def().node]
    for inner in function.graph.as_graph_def().library.function:
        nodes.extend(inner.node_def)
    return {"transposes": sum(node.op == "Transpose" for node in nodes), "nodes": len(nodes)}


def load(path: str) -> dict[str, Any]:
    """Load a SavedModel's serving_default.

    Some hold objects that Keras no longer knows and that the object loader trips over; their graph
    and signature are good, and the version 1 loader reads just those.
    """
    try:
        loaded = tf.saved_model.load(path)
        function = loaded.signatures["serving_default"]
    except (AttributeError, KeyError, ValueError):
        _state.update(_load_graph(path))
        return {"inputs": _state["inputs"], "loader": "version 1"}
    names = list(function.structured_input_signature[1])
    made = list(function.structured_outputs)
    _state.update(model=loaded, function=function, inputs=names, outputs=made)
    return {"inputs": names, "loader": "version 2"}


def _load_graph(path: str) -> dict[str, Any]:
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    with graph.as_default():
        meta = tf.compat.v1.saved_model.loader.load(session, ["serve"], path)
    if "serving_default" not in meta.signature_def:  # asking a protobuf map for a key makes it
        raise KeyError("serving_default")
    signature = meta.signature_def["serving_default"]
    feeds = {key: info.name for key, info in signature.inputs.items()}
    fetches = {key: info.name for key, info in signature.outputs.items()}

    def function(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        values = session.run(
            fetches, {feeds[name]: value.numpy() for name, value in tensors.items()}
        )
        return {name: tf.constant(value) for name, value in values.items()}

    return {"model": session, "function": function, "inputs": list(feeds),
            "outputs": list(fetches)}  # fmt: skip


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded signature on each folder of tensors; write its outputs into the other."""
    for source, target in zip(inputs, outputs, strict=True):
        results = _state["function"](**_feeds(source))
        write_tensors(target, {name: value.numpy() for name, value in results.items()})
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    feeds, seconds = _feeds(inputs), []
    function = _state["function"]
    for _ in range(warmup):
        function(**feeds)
    for _ in range(runs):
        start = time.perf_counter()
        results = function(**feeds)
        for value in results.values():
            value.numpy()  # wait for it
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}


def _feeds(folder: str) -> dict[str, tf.Tensor]:
    return {name: tf.constant(np.asarray(array)) for name, array in read_tensors(folder).items()}


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
}
