"""The Caffe worker: loads a network and its weights from disk, and runs it with pycaffe.

Caffe ends its process on what it cannot read (glog's FATAL), so files are looked for first.
"""

import os
import time
from pathlib import Path
from typing import Any

# glog's level for errors; Caffe otherwise prints the whole network. Read when Caffe is imported.
os.environ.setdefault("GLOG_minloglevel", "2")

import caffe
import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf.message import DecodeError

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors

#: The network's files inside an artifact's folder.
NETWORK, WEIGHTS = "model.prototxt", "model.caffemodel"

_state: dict[str, Any] = {}


def load(path: str) -> dict[str, Any]:
    """Load the folder `path`: its model.prototxt, with the weights of its model.caffemodel.

    Raises GuestFailure (InvalidModel), naming every file that is missing, or every layer without
    its weights: Caffe itself would leave those as they were filled, at random.
    """
    files = [Path(path) / name for name in (NETWORK, WEIGHTS)]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise GuestFailure(
            "InvalidModel",
            "there is no {}".format(" and no ".join(missing)),
            hint="Caffe keeps a network in two files; both must be there.",
        )
    given = _layers_with_weights(files[1])
    net = caffe.Net(str(files[0]), caffe.TEST, weights=str(files[1]))
    without = [name for name in net.params if name not in given]
    if without:
        raise GuestFailure(
            "InvalidModel",
            "{} has no weights for: {}".format(files[1], ", ".join(without)),
            hint="The two files must be of one network, with the same names of layers.",
        )
    _state["net"] = net
    return {"inputs": list(net.inputs), "outputs": list(net.outputs)}


def _layers_with_weights(path: Path) -> set[str]:
    """Names of the layers that have blobs in a caffemodel; `layers` are those of old files (V1)."""
    network = caffe_pb2.NetParameter()
    try:
        network.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise GuestFailure(
            "InvalidModel", f"{path} is not a caffemodel: {error}", hint="Is the file whole?"
        ) from error
    return {layer.name for layer in (*network.layer, *network.layers) if layer.blobs}


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded network on each folder of tensors; write its outputs into the other."""
    for source, target in zip(inputs, outputs):  # noqa: B905 - strict is of Python 3.10
        write_tensors(target, _forward(_feeds(source)))
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    feeds, seconds = _feeds(inputs), []
    for _ in range(warmup):
        _forward(feeds)
    for _ in range(runs):
        start = time.perf_counter()
        _forward(feeds)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}


def _forward(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs as arrays of their own: Caffe's are views of blobs that the next run overwrites.

    The network is reshaped to the inputs, so any batch is taken.
    """
    net = _state["net"]
    for name, array in feeds.items():
        blob = net.blobs[name]
        if tuple(blob.shape) != array.shape:
            blob.reshape(*array.shape)
        blob.data[...] = array
    net.reshape()
    return {name: data.copy() for name, data in net.forward().items()}


def _feeds(folder: str) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in read_tensors(folder).items()}


OPERATIONS = {"load": load, "run": run, "time": time_runs}
