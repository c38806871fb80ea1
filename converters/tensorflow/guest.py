"""The TensorFlow worker: builds SavedModels from written source, loads them from disk, runs them."""

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from interop.converters.tensorflow import graphs
from interop.converters.tensorflow.gradients import gradients
from tensorflow.python.saved_model.loader_impl import parse_saved_model

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls
from interop.workers.written import import_source

_state: dict[str, Any] = {}


def load_and_export(
    reference: str,
    path: str,
    inputs: list[dict[str, Any]] | None,
    outputs: list[str] | None,
    sizes: dict[str, int],
    trust: bool,
    signature: str | None = None,
) -> dict[str, Any]:
    """Load the SavedModel or frozen graph that `reference` names and write it to `path` as ONNX.

    Its signature says what the inputs are. Neither runs any Python, so `trust` is not needed.
    """
    # Here, since TFLite's environment, which builds by this module, has no onnx.
    from interop.converters.tensorflow import exporting

    if reference.endswith(".pb"):
        _know(graphs.frozen(Path(reference)))
        source = []
    else:
        folder = exporting.saved_model_in(reference)
        chosen = _choose(folder, signature)
        try:
            load(str(folder), chosen)
        except (KeyError, OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
            raise GuestFailure(
                "InvalidModel",
                f"{folder} cannot be loaded by its signature {chosen}: {error}",
                hint="Save it with signatures={'serving_default': a concrete function}.",
            ) from error
        source = exporting.from_saved_model(folder, chosen)
    names, wanted = _state["inputs"], _state["outputs"]
    specs = _specs(names, inputs)
    variables = {one.name.removesuffix(":0"): one.numpy() for one in _state["variables"]}
    with tempfile.TemporaryDirectory(prefix="interop-") as scratch:
        graph = _state.get("graph")
        if graph is not None:
            file = Path(scratch) / "frozen.pb"
            graph.freeze(file)
            source = exporting.from_frozen(file, graph.inputs, graph.outputs)
        note = exporting.export(source, Path(path), specs, wanted, variables=variables)
    return {"inputs": names, "outputs": wanted, "notes": [note]}


def _choose(folder: Path, asked: str | None) -> str:
    """The signature to take: what was asked for, else serving_default, else the only one."""
    try:
        meta = parse_saved_model(str(folder)).meta_graphs[0]
    except (OSError, IndexError) as error:
        raise GuestFailure("InvalidModel", f"{folder} cannot be loaded: {error}") from error
    there = sorted(name for name in meta.signature_def if name != _INTERNAL)
    listed = ", ".join(there) or "none"
    if asked is not None and asked not in there:
        raise GuestFailure(
            "UsageError", f"{folder} has no signature {asked}", hint=f"It has: {listed}."
        )
    if asked is None and _DEFAULT not in there and len(there) != 1:
        raise GuestFailure(
            "UsageError",
            f"{folder} has no signature {_DEFAULT}; it has: {listed}",
            hint="Say which with --signature." if there else "Save it with signatures={...}.",
        )
    return asked or (_DEFAULT if _DEFAULT in there else there[0])


_DEFAULT = "serving_default"
_INTERNAL = "__saved_model_init_op"


def _specs(names: list[str], given: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """What is known of the inputs: by whoever asks, or their names alone."""
    if given is None:
        return [{"name": name, "shape": None} for name in names]
    if sorted(spec["name"] for spec in given) != sorted(names):
        raise GuestFailure("UsageError", f"the SavedModel's inputs are {', '.join(names)}")
    return given


def build(source: str, path: str) -> dict[str, Any]:
    """Import `source`/model.py, build the model with its weights, save it as a SavedModel."""
    model = import_source(source).load()
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


def load(path: str, signature: str = "serving_default") -> dict[str, Any]:
    """Load a SavedModel by a signature.

    Some hold objects that Keras no longer knows and that the object loader trips over; their graph
    and signature are good, and the version 1 loader reads just those.
    """
    try:
        loaded = tf.saved_model.load(path)
        function = loaded.signatures[signature]
    except (AttributeError, KeyError, ValueError):
        _know(graphs.saved_model(path, signature))
        return {"inputs": _state["inputs"], "loader": "version 1"}
    names = list(function.structured_input_signature[1])
    made = list(function.structured_outputs)
    _state.update(model=loaded, function=function, inputs=names, outputs=made, graph=None,
                  variables=function.variables)  # fmt: skip
    return {"inputs": names, "loader": "version 2"}


def _know(graph: graphs.Graph) -> None:
    _state.update(function=graph.function(), inputs=list(graph.inputs), graph=graph,
                  outputs=list(graph.outputs), variables=())  # fmt: skip


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded signature on each folder of tensors; write its outputs into the other."""
    for source, target in zip(inputs, outputs, strict=True):
        results = _state["function"](**_feeds(source))
        write_tensors(target, {name: value.numpy() for name, value in results.items()})
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    feeds, function = _feeds(inputs), _state["function"]

    def finished() -> None:
        for value in function(**feeds).values():
            value.numpy()  # wait for it

    return time_calls(finished, runs, warmup)


def _feeds(folder: str) -> dict[str, tf.Tensor]:
    return {name: tf.constant(np.asarray(array)) for name, array in read_tensors(folder).items()}


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
    "gradients": gradients,
}
