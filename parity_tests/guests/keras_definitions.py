"""Runs in the TensorFlow worker: a zoo definition in Keras on given inputs, perhaps with a fault."""

import importlib

import numpy as np

from interop.workers.tensors import read_tensors, write_tensors


def run_definition(definition, inputs, outputs, spoil):
    """Images come and go NCHW, as in torch. `spoil` changes one weight of the built network."""
    module, _, name = definition.partition(":")
    model = getattr(importlib.import_module(module), name)()
    if spoil:
        changed = model.get_weights()
        changed[0] = changed[0] * np.float32(1.01)
        model.set_weights(changed)
    feeds = read_tensors(inputs)
    moved = {n: a.transpose(0, 2, 3, 1) if a.ndim == 4 else a for n, a in feeds.items()}
    single = len(moved) == 1
    results = model(next(iter(moved.values())) if single else moved, training=False)
    arrays = {n: np.asarray(r) for n, r in results.items()}
    write_tensors(
        outputs, {n: a.transpose(0, 3, 1, 2) if a.ndim == 4 else a for n, a in arrays.items()}
    )
    return {"parameters": int(sum(np.prod(w.shape) for w in model.weights))}


OPERATIONS = {"run_definition": run_definition}
