"""The Keras worker: builds `.keras` files from written source, loads them from disk, runs them.

The backend is TensorFlow, or what KERAS_BACKEND says.
"""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from interop.converters.keras import exporting
from interop.converters.keras.gradients import gradients

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
) -> dict[str, Any]:
    """Load the model that `reference` names and write it to `path` as ONNX.

    The model itself says what its inputs are; words in `inputs` name dimensions.
    """
    model = exporting.load_model(reference, trust=trust)
    names = exporting.input_names(model)
    if inputs is not None and sorted(spec["name"] for spec in inputs) != sorted(names):
        raise GuestFailure("UsageError", f"the model's inputs are {', '.join(names)}")
    made = list(exporting.named(model, model.output))
    specs = inputs or [{"name": name, "shape": None} for name in names]
    note = exporting.export(model, Path(path), specs, made)
    _state.update(model=model, names=names, call=_compiled(model))
    return {"inputs": names, "outputs": made, "notes": [note]}


def build(source: str, path: str) -> dict[str, Any]:
    """Import `source`/model.py, build the model with its weights, save it as `path` (.keras)."""
    model = import_source(source).load()
    model.save(path)
    kinds = [type(layer).__name__ for layer in model.layers]
    operations = [type(operation).__name__ for operation in model.operations]
    return {
        "layers": len(kinds),
        "nodes": len(operations),
        "transposes": operations.count("Transpose"),
        "backend": keras.backend.backend(),
        "parameters": int(model.count_params()),
    }


def load(path: str) -> dict[str, Any]:
    """Load a `.keras` file as anybody would: in safe mode, with no custom objects."""
    model = keras.models.load_model(path, compile=False)
    names = [tensor.name for tensor in model.inputs]
    _state.update(model=model, names=names, call=_compiled(model))
    return {"inputs": names, "backend": keras.backend.backend()}


def _compiled(model: Any) -> Any:
    """The model as the backend runs it at its best."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda feeds: model(feeds), reduce_retracing=True, autograph=False)
    if backend == "jax":
        import jax

        variables = (
            [v.value for v in model.trainable_variables],
            [v.value for v in model.non_trainable_variables],
        )
        run_jitted = jax.jit(lambda feeds: model.stateless_call(*variables, feeds)[0])
        return lambda feeds: run_jitted(feeds)
    import torch

    def in_torch(feeds: Any) -> Any:
        with torch.no_grad():
            return model(feeds)

    return in_torch


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded model on each folder of tensors; write its outputs into the other."""
    for source, target in zip(inputs, outputs, strict=True):
        results = exporting.named(_state["model"], _state["call"](_feeds(source)))
        arrays = {key: keras.ops.convert_to_numpy(value) for key, value in results.items()}
        write_tensors(target, {key: np.asarray(array) for key, array in arrays.items()})
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    feeds, call = _feeds(inputs), _state["call"]

    def finished():
        for value in keras.tree.flatten(call(feeds)):
            keras.ops.convert_to_numpy(value)  # wait for it

    return time_calls(finished, runs, warmup)


def _feeds(folder: str) -> Any:
    arrays = read_tensors(folder)
    feeds = [keras.ops.convert_to_tensor(np.asarray(arrays[name])) for name in _state["names"]]
    return exporting.packed(_state["model"], feeds)


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
    "gradients": gradients,
}
