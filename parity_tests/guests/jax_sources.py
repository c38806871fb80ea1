"""Runs in the JAX worker: written sources, executed, many in one call."""

import os

# Thousands of small programs run once each: compiling them well would take longer than all else.
# And the standard rounds narrow dtypes after every operator, where XLA would keep what it has.
os.environ["XLA_FLAGS"] = " ".join(
    [
        "--xla_backend_optimization_level=0",
        "--xla_llvm_disable_expensive_passes=true",
        "--xla_allow_excess_precision=false",
    ]
)

import jax
import numpy as np
from values import each, read_values, write_values

from interop.workers.written import import_source


def run_sources(folders):
    """Each folder holds model.py, weights.safetensors and `in`; its results go to `out`.

    Returns one message a folder: "" where it ran.
    """
    messages = [_run(folder) for folder in folders]
    jax.clear_caches()  # compiled programs that nobody runs again
    return {"messages": messages}


def _run(folder):
    jax.config.update("jax_enable_x64", False)  # a source that needs it says so
    try:
        module = import_source(folder)
        feeds = [
            each(jax.numpy.asarray, v) for v in read_values(os.path.join(folder, "in")).values()
        ]
        results = _apply(module.apply, *module.load(), *feeds)
        arrays = {name: each(np.asarray, value) for name, value in results.items()}
        write_values(os.path.join(folder, "out"), arrays)
    except Exception as error:  # noqa: BLE001 - told to the host, which knows what to expect of this case
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
    return ""


def _apply(function, *arguments):
    """As one compiled program; operation by operation where sizes depend on data."""
    names = []

    def in_order(*arguments):  # JAX itself sorts a dict by its keys
        results = function(*arguments)
        names[:] = results
        return list(results.values())

    try:
        values = jax.jit(in_order)(*arguments)
        return dict(zip(names, values, strict=True))
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError):
        return function(*arguments)


OPERATIONS = {"run_sources": run_sources}
