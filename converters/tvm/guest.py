"""The TVM worker: imports a .onnx file through Relax, compiles it for the processor, and runs it.

Sizes are fixed in what is compiled, so there is one for each set of them. It is compiled as it
comes: schedules are not tuned. A folder of inputs or outputs is one set of tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tvm
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

from interop.errors import InvalidModel, UnsupportedOperator
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls

_LOADED: dict[str, Any] = {}


def load(path: str, device: str = "cpu", precision: str = "fp32") -> dict[str, Any]:
    """Load a .onnx file; it is compiled when the first inputs come, and say of which sizes."""
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's own have no base class in common
        raise InvalidModel(f"onnx cannot load {Path(path).name}: {error}") from error
    constants = {tensor.name for tensor in model.graph.initializer}
    _LOADED.update(
        model=model,
        inputs=[v.name for v in model.graph.input if v.name not in constants],
        outputs=[v.name for v in model.graph.output],
        compiled={},
    )
    return {"runtime": f"tvm {tvm.__version__}", "inputs": _LOADED["inputs"]}


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run each folder of `inputs` into the folder of `outputs` at its place."""
    for source, target in zip(inputs, outputs, strict=True):
        call, feeds = _prepared(source)
        result = call(*feeds)
        results = [result] if hasattr(result, "numpy") else list(result)
        arrays = [value.numpy() for value in results]
        write_tensors(target, dict(zip(_LOADED["outputs"], arrays, strict=True)))
    return {}


def time(inputs: str, runs: int, warmup: int = 1) -> dict[str, Any]:
    """Seconds of each of `runs` calls on one folder of inputs, after `warmup` unmeasured."""
    call, feeds = _prepared(inputs)
    return time_calls(lambda: call(*feeds), runs, warmup)


def _prepared(folder: str) -> tuple[Callable[..., Any], list[Any]]:
    tensors = read_tensors(folder)
    arrays = [np.array(tensors[name]) for name in _LOADED["inputs"]]
    shapes = {
        name: list(array.shape) for name, array in zip(_LOADED["inputs"], arrays, strict=True)
    }
    key = repr(shapes)
    if key not in _LOADED["compiled"]:
        _LOADED["compiled"][key] = _compile(shapes)
    return _LOADED["compiled"][key], [tvm.runtime.tensor(array) for array in arrays]


def _compile(shapes: dict[str, list[int]]) -> Callable[..., Any]:
    try:
        module = from_onnx(_LOADED["model"], shape_dict=shapes, keep_params_in_input=False)
        return relax.VirtualMachine(tvm.compile(module, target="llvm"), tvm.cpu())["main"]
    except Exception as error:  # it raises anything, and names the operator
        raise UnsupportedOperator(
            f"TVM cannot compile the model for inputs of {shapes}",
            hint="Its detail names what it lacks; `onnxruntime:cpu` may have it.",
            detail=str(error).strip()[-500:],
        ) from error


OPERATIONS = {"load": load, "run": run, "time": time}
