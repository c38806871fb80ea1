"""The Caffe worker: exports networks to ONNX; builds them from written source, loads and runs them."""

import os
from pathlib import Path
from typing import Any

# glog's level for errors; Caffe otherwise prints the whole network. Read when Caffe is imported.
os.environ.setdefault("GLOG_minloglevel", "2")

import numpy as np
from interop.converters.caffe import exporting
from interop.converters.caffe.files import read_network, read_safetensors
from interop.converters.caffe.loading import (
    CaffeGaveUp,
    attempt,
    load_files,
    load_reference,
    make,
)

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls

_state: dict[str, Any] = {}


def load_and_export(
    reference: str, path: str, inputs: Any, outputs: Any, sizes: dict[str, int], trust: bool
) -> dict[str, Any]:
    """Load the network that `reference` names and write it to `path` as ONNX.

    Its files hold no Python (layers in Python are refused), so `trust` is not needed; a callable is
    the user's own. Sizes in `inputs` are those that the network is reshaped to.
    """
    net = load_reference(reference)
    _state["net"] = net
    _reshape(net, inputs or [])
    _check_names("outputs", list(net.outputs), outputs)
    notes = exporting.export(net, path)
    return {"inputs": list(net.inputs), "outputs": list(net.outputs), "notes": notes}


def _reshape(net: Any, inputs: list[dict[str, Any]]) -> None:
    """To the sizes that are declared; words leave a size as it is."""
    if inputs:
        _check_names("inputs", list(net.inputs), [spec["name"] for spec in inputs])
    wanted = {}
    for spec in inputs:
        now = list(net.blobs[spec["name"]].shape)
        if len(spec["shape"]) != len(now) or spec["dtype"] != "float32":
            raise GuestFailure(
                "UsageError", f"the input {spec['name']} is float32 with the sizes {now}"
            )
        shape = [d if isinstance(d, int) else size for d, size in zip(spec["shape"], now)]
        if shape != now:
            wanted[spec["name"]] = shape
    if wanted:
        exporting.reshape(net, wanted)


def build(source: str, path: str) -> dict[str, Any]:
    """Fill the network in `source`/model.prototxt with `source`/weights.safetensors, and save its
    weights: each `param` of a layer says the name of one."""
    network = Path(source, "model.prototxt")
    net, arrays = make(network), read_safetensors(Path(source, "weights.safetensors"))
    layers = read_network(network).layer
    for layer in layers:
        for blob, param in zip(net.params.get(layer.name, ()), layer.param):
            array = arrays[param.name]
            if tuple(blob.shape) != array.shape:
                raise ValueError(f"{param.name} is {array.shape}, and the blob {tuple(blob.shape)}")
            blob.data[...] = array
    try:
        attempt(lambda: net.save(path))
    except CaffeGaveUp as error:
        raise GuestFailure("OutputError", f"{path} could not be written: {error}") from error
    return {
        "nodes": len(layers),
        "transposes": 0,
        "parameters": int(sum(array.size for array in arrays.values())),
    }


def _check_names(what: str, own: list[str], declared: Any) -> None:
    if declared is not None and sorted(declared) != sorted(own):
        raise GuestFailure("UsageError", "the model's {} are {}".format(what, ", ".join(own)))


def load(path: str) -> dict[str, Any]:
    """Load a network and its weights; `path` is either file, or their folder.

    Raises GuestFailure as `loading.load_files`.
    """
    net = load_files(Path(path))
    _state["net"] = net
    return {"inputs": list(net.inputs), "outputs": list(net.outputs)}


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded network on each folder of tensors; write its outputs into the other."""
    for source, target in zip(inputs, outputs):
        write_tensors(target, called(_state["net"], _feeds(source)))
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    net, feeds = _state["net"], _feeds(inputs)
    return time_calls(lambda: called(net, feeds), runs, warmup)


def called(net: Any, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs as arrays of their own: Caffe's are views of blobs that the next run overwrites.

    The network is reshaped to the inputs, so any batch is taken.
    """
    for name, array in feeds.items():
        blob = net.blobs[name]
        if tuple(blob.shape) != array.shape:
            blob.reshape(*array.shape)
        blob.data[...] = array
    net.reshape()
    return {name: data.copy() for name, data in net.forward().items()}


def _feeds(folder: str) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in read_tensors(folder).items()}


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
}
