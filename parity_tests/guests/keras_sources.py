"""Runs in the Keras worker: written sources, built as functional models and run, many in one call."""

import os

import keras
import numpy as np
from values import read_values, write_values

from interop.workers.written import import_source


def run_sources(folders):
    """Each folder holds model.py, weights.safetensors and `in`; its results go to `out`.

    Returns one message a folder: "" where it ran.
    """
    return {"messages": [_run(folder) for folder in folders]}


def _run(folder):
    try:
        model = import_source(folder).load()
        arrays = read_values(os.path.join(folder, "in"))
        feeds = [keras.ops.convert_to_tensor(np.asarray(arrays[i.name])) for i in model.inputs]
        results = {k: keras.ops.convert_to_numpy(v) for k, v in model(feeds).items()}
        write_values(os.path.join(folder, "out"), {k: np.asarray(v) for k, v in results.items()})
    except Exception as error:  # noqa: BLE001 - told to the host, which knows what to expect of this case
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
    finally:
        keras.backend.clear_session()
    return ""


OPERATIONS = {"run_sources": run_sources}
