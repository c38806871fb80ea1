"""Gradients of a written source in JAX."""

from typing import Any

import jax
import numpy as np

from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.written import import_source


def gradients(source: str, inputs: str, cotangents: str, target: str) -> dict[str, Any]:
    """Write into `target` the gradients of the sum over outputs of output times cotangent.

    source: the folder of a written source. inputs: a folder of tensors in the order in which it takes
    them; cotangents: one by the names of its outputs, those without one left out of the sum.

    Written are `input:<name>` for float inputs, `weight:<name>` for parameters that the sum depends on,
    `value:<name>` (what each of them is) and `output:<name>`.

    Cotangents in float64 make this process one that computes in 64 bits.
    """
    weights = read_tensors(cotangents)
    if any(weight.dtype == np.float64 for weight in weights.values()):
        jax.config.update("jax_enable_x64", True)
    written = import_source(source)
    params, constants = written.load()
    feeds = {name: jax.numpy.asarray(array) for name, array in read_tensors(inputs).items()}
    floats = {n: feed for n, feed in feeds.items() if jax.numpy.issubdtype(feed.dtype, np.floating)}

    def total(params: Any, floats: Any) -> Any:
        results = written.apply(params, constants, *{**feeds, **floats}.values())
        return sum((results[name] * weight).sum() for name, weight in weights.items()), results

    differentiate = jax.value_and_grad(total, (0, 1), has_aux=True)
    (_, results), (by_params, by_inputs) = jax.jit(differentiate)(params, floats)
    found = {f"output:{name}": results[name] for name in weights}
    found.update({f"input:{name}": g for name, g in by_inputs.items()})
    found.update({f"weight:{name}": g for name, g in by_params.items()})
    found.update({f"value:{name}": p for name, p in params.items()})
    write_tensors(target, {name: np.asarray(value) for name, value in found.items()})
    return {}
