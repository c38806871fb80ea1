"""Keras models in HDF5, of Keras 2.0 and newer: what Keras 3 does not read in them, said as it reads it.

The weights in such a file are read by Keras itself; only the description of the layers is changed.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras

from interop.workers.failures import GuestFailure

ENDINGS = (".h5", ".hdf5")

#: Options that Keras 2 wrote and Keras 3 refuses → the value with which they say nothing.
_SILENT: dict[str, dict[str, Any]] = {
    "BatchNormalization": {"fused": True, "renorm": False, "virtual_batch_size": None},
    "Conv2DTranspose": {"groups": 1},
    "DepthwiseConv2D": {"groups": 1},
    "GRU": {"time_major": False},
    "LSTM": {"time_major": False},
    "SeparableConv2D": {"groups": 1},
    "SimpleRNN": {"time_major": False},
}

#: Options that Keras 3 takes for something else where they are not written → what Keras 2.0 meant.
_DEFAULTS: dict[str, dict[str, Any]] = {"GRU": {"reset_after": False}}

#: What is called hard_sigmoid in a file of Keras 2.
_OLD_HARD_SIGMOID = "hard_sigmoid_of_keras_2"


@keras.saving.register_keras_serializable("interop", _OLD_HARD_SIGMOID)
def _hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5 between 0 and 1, as in Keras 2; in Keras 3 its slope is a sixth."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def load(path: str, *, trust: bool) -> Any:
    """The model in an HDF5 file, without its optimizer.

    Raises GuestFailure (InvalidModel) where the file is broken, holds weights alone, or is of Keras 1;
    otherwise what Keras raises.
    """
    with _opened(path) as file:
        if "model_config" not in file.attrs:
            raise _weights_alone(path)
        config = json.loads(_text(file.attrs["model_config"]))
        version = _text(file.attrs.get("keras_version", "2"))
    if version.startswith("1."):
        raise GuestFailure(
            "InvalidModel",
            f"{path} was written by Keras {version}, whose layers Keras 3 does not know",
            hint="Load and save it once with Keras 2.",
        )
    if not version.startswith("2"):
        return _read(path, trust)
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        copy = Path(folder) / "model.h5"
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(adapted(config))
        return _read(str(copy), trust)


def _read(path: str, trust: bool) -> Any:
    return keras.models.load_model(path, compile=False, safe_mode=not trust)


def _opened(path: str) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise GuestFailure(
            "InvalidModel",
            f"{path} is not an HDF5 file, or is truncated: {error}",
            hint="Export or copy it again, and compare its size or checksum with the original.",
        ) from error


def _weights_alone(path: str) -> GuestFailure:
    return GuestFailure(
        "InvalidModel",
        f"{path} holds weights only: it does not say of which layers",
        hint="Give package.module:callable instead: a function that builds the model, calls "
        f"model.load_weights('{path}') on it, and returns it.",
    )


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def adapted(config: dict[str, Any]) -> dict[str, Any]:
    """The description of a model of Keras 2, as Keras 3 reads it; consumed."""
    for layer in _layers(config):
        kind, options = layer["class_name"], layer["config"]
        for name, silent in _SILENT.get(kind, {}).items():
            if name in options and options[name] in (silent, None):
                del options[name]
        for name, meant in _DEFAULTS.get(kind, {}).items():
            options.setdefault(name, meant)
        for name in ("activation", "recurrent_activation"):
            if options.get(name) == "hard_sigmoid":
                options[name] = f"interop>{_OLD_HARD_SIGMOID}"
    changed: dict[str, Any] = _renamed(config)
    return changed


def _layers(config: Any) -> Iterator[dict[str, Any]]:
    """All that has a class and options, at any depth."""
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str) and isinstance(config.get("config"), dict):
            yield config
        for value in config.values():
            yield from _layers(value)
    elif isinstance(config, list):
        for value in config:
            yield from _layers(value)


def _renamed(config: dict[str, Any]) -> Any:
    """Keras 3 has no slashes in the names of layers; its files know weights by their order."""
    names = {str(one.get("name") or one["config"].get("name", "")) for one in _layers(config)}
    slashed = {name: name.replace("/", "_") for name in names if "/" in name}

    def through(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: through(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [through(inner) for inner in value]
        return slashed.get(value, value) if isinstance(value, str) else value

    return through(config) if slashed else config
