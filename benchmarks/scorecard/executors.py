"""Who runs a graph: ONNX Runtime in every setting, and other frameworks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort
from onnx import ModelProto

from interop.backends import open_runner, parse
from interop.parity.inputs.sets import InputSet
from interop.workers.tensors import read_tensors
from scorecard.edit import Array

Outputs = dict[str, Array]

LEVELS = ("DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED", "ENABLE_ALL")
THREADS = (1, 2, 3, 4)
MODES = ("SEQUENTIAL", "PARALLEL")

#: Frameworks that run what the model is converted into.
BACKENDS = ("torch:cpu", "tensorflow:cpu", "jax:cpu", "openvino:cpu")


class DoesNotRunError(Exception):
    """The executor cannot load or run the model."""


@dataclass(frozen=True)
class Setting:
    """One way to have ONNX Runtime run a model."""

    level: str = "ENABLE_ALL"
    threads: int = 1
    mode: str = "SEQUENTIAL"

    def __str__(self) -> str:
        return f"onnxruntime {self.level.lower()}, {self.threads} threads, {self.mode.lower()}"


def settings() -> list[Setting]:
    """All of them; the order in which operators run matters only where several threads may."""
    found = itertools.product(LEVELS, THREADS, MODES)
    return [Setting(*one) for one in found if one[1] > 1 or one[2] == "SEQUENTIAL"]


class Session:
    """A model in ONNX Runtime. Raises DoesNotRunError where it cannot be loaded."""

    def __init__(self, model: ModelProto, setting: Setting | None = None) -> None:
        setting = setting or Setting()
        options = ort.SessionOptions()
        options.graph_optimization_level = getattr(
            ort.GraphOptimizationLevel, f"ORT_{setting.level}"
        )
        options.intra_op_num_threads = setting.threads
        options.inter_op_num_threads = setting.threads
        options.execution_mode = getattr(ort.ExecutionMode, f"ORT_{setting.mode}")
        options.log_severity_level = 4
        # As for the floor: else layers between Quantize and Dequantize run in integers.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        self._names = [value.name for value in model.graph.output]
        try:
            self._session = ort.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise DoesNotRunError(str(error).splitlines()[0]) from error

    def run(self, inputs: InputSet) -> Outputs:
        """Outputs by name. Raises DoesNotRunError."""
        try:
            results = self._session.run(self._names, dict(inputs.arrays))
        except Exception as error:  # ONNX Runtime's own have no base class in common
            raise DoesNotRunError(str(error).splitlines()[0]) from error
        return dict(zip(self._names, results, strict=True))


def run_elsewhere(backend: str, model: Path, inputs: Sequence[str], scratch: Path) -> list[Outputs]:
    """What another framework makes of the canonical file `model`, for each folder of inputs.

    Raises the errors of the toolkit where the model cannot be converted or run there.
    """
    outputs = [
        str(scratch / f"{backend.replace(':', '-')}-{index}") for index in range(len(inputs))
    ]
    with open_runner(parse(backend), timeout=900, scratch=scratch) as runner:
        runner.load(model)
        runner.run(inputs, outputs)
    return [read_tensors(folder) for folder in outputs]
