"""Runs in the JAX worker: gradients of a written source."""

import jax
import numpy as np

from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.written import import_source


def gradients(folder, inputs, cotangents, target):
    """Of the sum over outputs of output times cotangent, by every parameter and float input."""
    written = import_source(folder)
    params, constants = written.load()
    feeds = [jax.numpy.asarray(array) for array in read_tensors(inputs).values()]
    floats = {i: feed for i, feed in enumerate(feeds) if feed.dtype.kind == "f"}
    weights = list(read_tensors(cotangents).values())

    def loss(params, floats):
        arguments = [floats.get(i, feed) for i, feed in enumerate(feeds)]
        results = written.apply(params, constants, *arguments).values()
        return sum((r * w).sum() for r, w in zip(results, weights, strict=True))

    by_params, by_inputs = jax.jit(jax.grad(loss, (0, 1)))(params, floats)
    grads = {f"weight:{name}": np.asarray(g) for name, g in by_params.items()}
    grads.update({f"value:{name}": np.asarray(p) for name, p in params.items()})
    grads.update({f"input:{i}": np.asarray(g) for i, g in by_inputs.items()})
    write_tensors(target, grads)
    return {}


OPERATIONS = {"gradients": gradients}
