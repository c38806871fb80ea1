"""Runs in the TensorFlow worker: written sources, traced and executed, many in one call."""

import os

import numpy as np
import tensorflow as tf
from values import each, read_values, write_values

from interop.workers.written import import_source


def run_sources(folders):
    """Each folder holds model.py, weights.safetensors and `in`; its results go to `out`.

    Returns one message a folder: "" where it ran.
    """
    return {"messages": [_run(folder) for folder in folders]}


def _run(folder):
    try:
        module = import_source(folder)
        feeds = [each(tf.constant, v) for v in read_values(os.path.join(folder, "in")).values()]
        results = module.load()(*feeds)
        write_values(
            os.path.join(folder, "out"), {k: each(_to_numpy, v) for k, v in results.items()}
        )
    except Exception as error:  # noqa: BLE001 - told to the host, which knows what to expect of this case
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]
    return ""


def _to_numpy(tensor):
    return np.asarray(tensor.numpy())  # a scalar's text comes as bytes


OPERATIONS = {"run_sources": run_sources}
