"""Runs in the TensorFlow worker: written sources, traced and executed, many in one call."""

import os

import tensorflow as tf

from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.written import import_source


def run_sources(folders):
    """Each folder holds model.py, weights.safetensors and `in`; its results go to `out`.

    Returns one message a folder: "" where it ran.
    """
    return {"messages": [_run(folder) for folder in folders]}


def _run(folder):
    try:
        module = import_source(folder)
        feeds = [tf.constant(array) for array in read_tensors(os.path.join(folder, "in")).values()]
        results = module.load()(*feeds)
        write_tensors(os.path.join(folder, "out"), {k: v.numpy() for k, v in results.items()})
    except Exception as error:  # noqa: BLE001 - told to the host, which knows what to expect of this case
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]
    return ""


OPERATIONS = {"run_sources": run_sources}
