"""Runs in the JAX worker: a zoo definition in flax on given inputs, perhaps with a fault."""

import importlib

import jax
import numpy as np
from flax import nnx

from interop.workers.tensors import read_tensors, write_tensors


def run_definition(definition, inputs, outputs, spoil):
    """Images come and go NCHW, as in torch. `spoil` changes one weight of the built network."""
    module, _, name = definition.partition(":")
    model = getattr(importlib.import_module(module), name)()
    if spoil:
        path, variable = nnx.to_flat_state(nnx.state(model, nnx.Param))[0]
        changed = variable.replace(variable.get_value() * np.float32(1.01))
        nnx.update(model, nnx.from_flat_state({path: changed}))
    graph, state = nnx.split(model)
    feeds = [
        a.transpose(0, 2, 3, 1) if a.ndim == 4 else np.asarray(a)
        for a in read_tensors(inputs).values()
    ]
    results = jax.jit(lambda state, *feeds: nnx.merge(graph, state)(*feeds))(state, *feeds)
    arrays = {n: np.asarray(r) for n, r in results.items()}
    write_tensors(
        outputs, {n: a.transpose(0, 3, 1, 2) if a.ndim == 4 else a for n, a in arrays.items()}
    )
    return {}


OPERATIONS = {"run_definition": run_definition}
