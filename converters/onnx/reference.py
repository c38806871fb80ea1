"""onnx's own reference evaluator as a backend: slow, in float32, operator by operator to the letter."""

from __future__ import annotations

import time as clock
from pathlib import Path
from typing import Any

import onnx
from onnx.reference import ReferenceEvaluator

from interop.errors import InvalidModel
from interop.workers.tensors import read_tensors, write_tensors

_LOADED: dict[str, ReferenceEvaluator] = {}


def load(path: str, device: str = "cpu", precision: str = "fp32") -> dict[str, Any]:
    """Load a .onnx file. It knows one device and one precision: the model's own."""
    try:
        evaluator = ReferenceEvaluator(onnx.load(path))
    except Exception as error:  # it raises anything
        raise InvalidModel(
            f"onnx's reference evaluator cannot load {Path(path).name}: {error}",
            hint="It may lack an operator; `onnxruntime:cpu` may have it.",
        ) from error
    _LOADED["model"] = evaluator
    return {"inputs": list(evaluator.input_names), "outputs": list(evaluator.output_names)}


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run each folder of `inputs` into the folder of `outputs` at its place."""
    evaluator = _LOADED["model"]
    for source, target in zip(inputs, outputs, strict=True):
        results = evaluator.run(None, read_tensors(source))
        write_tensors(target, dict(zip(evaluator.output_names, results, strict=True)))
    return {}


def time(inputs: str, runs: int, warmup: int = 1) -> dict[str, Any]:
    """Seconds of each of `runs` calls on one folder of inputs, after `warmup` unmeasured."""
    evaluator, feeds, seconds = _LOADED["model"], read_tensors(inputs), []
    for _ in range(warmup):
        evaluator.run(None, feeds)
    for _ in range(runs):
        start = clock.perf_counter()
        evaluator.run(None, feeds)
        seconds.append(clock.perf_counter() - start)
    return {"seconds": seconds}


OPERATIONS = {"load": load, "run": run, "time": time}
