"""A runtime on ONNX Runtime with a fault on each of its devices, named after it."""

from __future__ import annotations

import os
import time

import numpy as np
from interop.converters.onnxruntime import guest

from interop.errors import InvalidModel, UnsupportedOperator
from interop.workers.tensors import read_tensors, write_tensors

_STATE = {}


def wearing(arrays):
    """From the fifth run on it is another function."""
    _STATE["runs"] = _STATE.get("runs", 0) + 1
    return FAULTS["nudged"](arrays) if _STATE["runs"] > 4 else arrays


def crowded(arrays):
    """Rows that are all the same are more than it can bear."""

    def last(array):
        alike = len(array) > 1 and np.all(array == array[:1])
        return np.concatenate([array[:-1], array[-1:] * np.float32(1.001)]) if alike else array

    return {name: last(array) for name, array in arrays.items()}


def lonely(arrays):
    if any(len(array) == 1 for array in arrays.values()):
        raise InvalidModel("the batch is baked in", hint="give it more rows")
    return arrays


FAULTS = {
    "nudged": lambda arrays: {n: a * np.float32(1.0001) for n, a in arrays.items()},
    "nan": lambda arrays: {n: np.where(a == a.max(), np.nan, a) for n, a in arrays.items()},
    "missing": lambda arrays: dict(list(arrays.items())[1:]),
    "extra": lambda arrays: {**arrays, "more": np.zeros(3, np.float32)},
    "double": lambda arrays: {n: a.astype(np.float64) for n, a in arrays.items()},
    "wearing": wearing,
    "crowded": crowded,
    "lonely": lonely,
    "row": lambda arrays: {n: np.concatenate([a[:-1], a[:1]]) for n, a in arrays.items()},
}


def load(path, device, precision):
    if device == "refusing":
        raise UnsupportedOperator("the stub has no Tanh", hint="leave it away")
    _STATE["device"] = device
    return guest.load(path)


def run(inputs, outputs):
    device = _STATE["device"]
    if device == "crashing":
        os.abort()
    if device == "hanging":
        time.sleep(600)
    if device == "failing":
        raise ZeroDivisionError("planted")
    guest.run(inputs, outputs)
    for folder in outputs if device in FAULTS else []:
        arrays = {name: np.array(array) for name, array in read_tensors(folder).items()}
        write_tensors(folder, FAULTS[device](arrays))
    return {}


OPERATIONS = {"load": load, "run": run, "time": guest.time}
