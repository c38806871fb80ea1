"""Keras → ONNX: the model as a SavedModel, which goes on by TensorFlow's own way."""

import importlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from interop.converters.keras import hdf5
from interop.converters.tensorflow import exporting

from interop.workers.failures import GuestFailure


def load_model(reference: str, *, trust: bool) -> Any:
    """The model in a `.keras` or HDF5 file, or the one that `package.module:callable` returns.

    Raises GuestFailure: InvalidModel where there is none, or where the file carries Python code (a
    Lambda layer) and is not trusted; UsageError where the name leads nowhere.
    """
    if Path(reference).exists():
        return _load_file(reference, trust)
    module, _, name = reference.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise GuestFailure(
            "UsageError",
            f"'{reference}' cannot be imported: {error}",
            hint="The module must lie in the working directory or be installed where Keras is.",
        ) from error
    model = made if isinstance(made, keras.Model) else made()
    if not isinstance(model, keras.Model):
        raise GuestFailure(
            "UsageError", f"'{reference}' gave a {type(model).__name__}, not a keras.Model"
        )
    return _described(model, reference)


def _load_file(path: str, trust: bool) -> Any:
    try:
        if path.lower().endswith(hdf5.ENDINGS):
            model = hdf5.load(path, trust=trust)
        else:
            model = keras.models.load_model(path, compile=False, safe_mode=not trust)
    except GuestFailure:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        code = "safe_mode" in str(error)
        raise GuestFailure(
            "InvalidModel",
            f"{path} cannot be loaded by Keras: {lines[0] if lines else repr(error)}",
            hint="It carries Python code, which runs when it is loaded. If you know where it comes "
            "from, say --trust." if code else "",
        ) from error  # fmt: skip
    return _described(model, path)


def _described(model: Any, reference: str) -> Any:
    """Only a model that knows its inputs can be traced: functional, sequential, or built."""
    if not getattr(model, "inputs", None):
        raise GuestFailure(
            "InvalidModel",
            f"{reference} does not say what its inputs are: it is a subclassed model",
            hint="Write it as a functional model, around keras.Input.",
        )
    if isinstance(
        model, keras.Sequential
    ):  # one that was read from a file has no output of its own
        return keras.Model(model.inputs, model.outputs[0], name=model.name)
    return model


def input_names(model: Any) -> list[str]:
    return [tensor.name for tensor in model.inputs]


def packed(model: Any, feeds: Sequence[Any]) -> Any:
    """`feeds`, which are in the order of `model.inputs`, as the model takes them: a dictionary, say."""
    return keras.tree.pack_sequence_as(model.input, list(feeds))


def named(model: Any, results: Any) -> dict[str, Any]:
    """The results by name: their own keys, or the names of the layers that they come from."""
    if isinstance(results, dict):
        return results
    values = list(results) if isinstance(results, (list, tuple)) else [results]
    names = list(model.output_names)
    if len(set(names)) < len(values):
        names = [f"output_{index}" for index in range(len(values))]
    return dict(zip(names, values, strict=True))


def export(model: Any, path: Path, specs: list[dict[str, Any]], outputs: list[str]) -> str:
    """Write `path`, with the names of the model's own inputs; returns a sentence on what it took.

    specs: words in their shapes name the dimensions (see converters.tensorflow.exporting.export).
    """
    if keras.backend.backend() != "tensorflow":
        raise GuestFailure(
            "UsageError",
            f"a Keras model is exported on TensorFlow, and KERAS_BACKEND says "
            f"{keras.backend.backend()}",
            hint="Unset KERAS_BACKEND.",
        )
    import tensorflow as tf

    signature = [
        tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in model.inputs
    ]

    @tf.function(input_signature=signature, autograph=False)
    def serve(*feeds: Any) -> dict[str, Any]:
        return named(model, model(packed(model, feeds), training=False))

    module = tf.Module()
    module.held = [variable.value for variable in model.variables]
    variables = {v.path: keras.ops.convert_to_numpy(v) for v in model.variables}
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": serve})
        source = exporting.from_saved_model(Path(folder), "serving_default")
        return exporting.export(source, path, specs, outputs, variables=variables)
