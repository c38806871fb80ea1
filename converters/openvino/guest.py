"""The OpenVINO worker: reads a .onnx file, compiles it for the processor, and runs it.

A folder of inputs or outputs is one set of tensors (interop.workers.tensors).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from interop.errors import EnvironmentUnavailable, InvalidModel
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls

#: precision → what OpenVINO calls it. Unasked, it takes the narrowest that the processor is quick in.
PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}

_LOADED: dict[str, Any] = {}


def load(path: str, device: str = "cpu", precision: str = "fp32") -> dict[str, Any]:
    """Load and compile a .onnx file, in exactly that precision.

    Raises InvalidModel where OpenVINO cannot read it, EnvironmentUnavailable where the processor
    has no such precision (OpenVINO itself would take another, and say nothing).
    """
    core, asked = ov.Core(), PRECISIONS[precision]
    hints = {"INFERENCE_PRECISION_HINT": asked, "PERFORMANCE_HINT": "LATENCY"}
    try:
        model = core.read_model(path)
        compiled = core.compile_model(model, device.upper(), hints)
    except RuntimeError as error:
        raise InvalidModel(
            f"OpenVINO cannot load {Path(path).name}",
            hint="Its detail names the operator; `onnxruntime:cpu` may have it.",
            detail=_telling(str(error)),
        ) from error
    taken = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if taken != asked:
        able = core.get_property(device.upper(), "OPTIMIZATION_CAPABILITIES")
        raise EnvironmentUnavailable(
            f"this processor has no {precision} in OpenVINO, which takes {taken} for it",
            hint=f"It is capable of {', '.join(able)}.",
        )
    _LOADED.update(
        request=compiled.create_infer_request(),
        inputs=[parameter.get_friendly_name() for parameter in model.get_parameters()],
        outputs=[_output_name(result) for result in model.get_results()],
    )
    return {"runtime": f"openvino {ov.__version__}", "inputs": _LOADED["inputs"]}


def _output_name(result: Any) -> str:
    """The model's own name of an output. A port, of an input as well, has the names of all values that
    OpenVINO finds to be the same, such as what a Reshape that does nothing is given."""
    return str(result.get_friendly_name()).removesuffix("/sink_port_0")


def _telling(text: str) -> str:
    """OpenVINO's messages begin with places in its own source."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(line for line in lines if not line.startswith(("Exception from", "Check '")))


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run each folder of `inputs` into the folder of `outputs` at its place."""
    for source, target in zip(inputs, outputs, strict=True):
        results = _call(_feeds(source))
        named = {}
        for name, result in zip(_LOADED["outputs"], results, strict=True):
            named[name] = np.array(result)
        write_tensors(target, named)
    return {}


def time(inputs: str, runs: int, warmup: int = 1) -> dict[str, Any]:
    """Seconds of each of `runs` calls on one folder of inputs, after `warmup` unmeasured."""
    feeds = _feeds(inputs)
    return time_calls(lambda: _call(feeds), runs, warmup)


def _feeds(folder: str) -> dict[int, ov.Tensor]:
    """By their places."""
    tensors = read_tensors(folder)
    arrays = [np.array(tensors[name]) for name in _LOADED["inputs"]]
    return dict(enumerate(map(ov.Tensor, arrays)))


def _call(feeds: dict[int, ov.Tensor]) -> list[np.ndarray]:
    request = _LOADED["request"]
    request.infer(feeds)
    return [tensor.data for tensor in request.output_tensors]


OPERATIONS = {"load": load, "run": run, "time": time}
