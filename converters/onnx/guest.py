"""The ONNX guest: runs .onnx files on ONNX Runtime, and gives their truth and their noise.

`load`, `run` and `time` are what every framework's guest offers; `truth` and `floor_runs` are
this one's alone. A folder of inputs or outputs is one set of tensors (interop.workers.tensors).
"""

from __future__ import annotations

import time as clock
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort

from interop.errors import InvalidModel, UsageError
from interop.parity import floor
from interop.parity.precisions import precision_named
from interop.parity.truth import Truth
from interop.workers.tensors import read_tensors, write_tensors

#: The one model that this process has loaded.
_LOADED: dict[str, ort.InferenceSession] = {}


def load(path: str, threads: int = 0, optimize: bool = True) -> dict[str, Any]:
    """Load a .onnx file; `threads` 0 leaves their number to ONNX Runtime."""
    if not Path(path).is_file():
        raise InvalidModel(f"{path} does not exist", hint="Check the path of the model.")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Else activations that meet four-bit weights are rounded to eight bits, unasked.
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own have no base class in common
        raise InvalidModel(
            f"ONNX Runtime cannot load {path}",
            hint="Check the model with onnx.checker, and that its operators are ONNX Runtime's.",
            detail=str(error).splitlines()[0],
        ) from error
    _LOADED["session"] = session
    return {
        "runtime": f"onnxruntime {ort.__version__}",
        "inputs": [value.name for value in session.get_inputs()],
        "outputs": [value.name for value in session.get_outputs()],
    }


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run each folder of `inputs` into the folder of `outputs` at its place."""
    session, seconds = _session(), []
    for source, target in zip(inputs, outputs, strict=True):
        feeds = read_tensors(source)
        names = [value.name for value in session.get_outputs()]
        start = clock.perf_counter()
        results = session.run(names, feeds)
        seconds.append(clock.perf_counter() - start)
        write_tensors(target, dict(zip(names, results, strict=True)))
    return {"seconds": seconds}


def time(inputs: str, runs: int, warmup: int = 1) -> dict[str, Any]:
    """Seconds of each of `runs` bare calls on one folder of inputs, after `warmup` unmeasured."""
    session = _session()
    feeds = {name: array.copy() for name, array in read_tensors(inputs).items()}
    for _ in range(warmup):
        session.run(None, feeds)
    seconds = []
    for _ in range(runs):
        start = clock.perf_counter()
        session.run(None, feeds)
        seconds.append(clock.perf_counter() - start)
    return {"seconds": seconds}


def truth(model: str, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """The float64 outputs of the canonical `model` for each folder of inputs."""
    evaluator = Truth(onnx.load(model))
    seconds = []
    for source, target in zip(inputs, outputs, strict=True):
        start = clock.perf_counter()
        write_tensors(target, evaluator.run(read_tensors(source)))
        seconds.append(clock.perf_counter() - start)
    return {"seconds": seconds}


def floor_runs(
    model: str,
    inputs: list[str],
    outputs: list[str],
    seed: int = 0,
    runs: int = floor.RUNS,
    precision: str = "float32",
) -> dict[str, Any]:
    """Runs with perturbed weights and inputs, in float32 or rounded as `precision` rounds:
    outputs/<n>/0 is the plain run of the set, outputs/<n>/1 to outputs/<n>/`runs` are the
    perturbed ones."""
    sets = {folder: read_tensors(folder) for folder in inputs}
    targets = dict(zip(inputs, outputs, strict=True))
    row = precision_named(precision)
    for number, folder, results in floor.floor_runs(
        onnx.load(model), sets, seed=seed, runs=runs, precision=row
    ):
        write_tensors(Path(targets[folder]) / str(number), results)
    return {"runs": runs + 1}


def _session() -> ort.InferenceSession:
    if "session" not in _LOADED:
        raise UsageError("no model is loaded", hint="Call load first.")
    return _LOADED["session"]


OPERATIONS = {"load": load, "run": run, "time": time, "truth": truth, "floor_runs": floor_runs}
