"""The JAX worker: builds the artifact from written source, loads it from disk, and runs it."""

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from interop.converters.jax.artifact import load_artifact, save_program

from interop.workers.tensors import read_tensors, write_tensors

_state: dict[str, Any] = {}


def build(source: str, path: str) -> dict[str, Any]:
    """Export the model written in `source` to `path`; says what had to be given up."""
    return save_program(Path(source), Path(path))


def load(path: str) -> dict[str, Any]:
    """Load the program at `path`; where JAX could not make one, the source that lies beside it."""
    function, names = load_artifact(Path(path))
    _state.update(function=function, inputs=names)
    return {"inputs": names}


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded model on each folder of tensors; write its outputs into the other folder."""
    for source, target in zip(inputs, outputs, strict=True):
        results = _state["function"](**_feeds(source))
        write_tensors(target, {name: np.asarray(value) for name, value in results.items()})
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    feeds, seconds = _feeds(inputs), []
    for _ in range(warmup):
        jax.block_until_ready(_state["function"](**feeds))
    for _ in range(runs):
        start = time.perf_counter()
        jax.block_until_ready(_state["function"](**feeds))
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}


def _feeds(folder: str) -> dict[str, Any]:
    tensors = read_tensors(folder)
    return {name: jax.numpy.asarray(tensors[name]) for name in _state["inputs"]}


OPERATIONS = {"build": build, "load": load, "run": run, "time": time_runs}
