"""What runs the pieces of a model: anything that takes an ONNX model and gives its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
from onnx import ModelProto

from interop.errors import InvalidModel

Array = np.ndarray[Any, Any]

#: Bytes of weights above which a model is written with them in a file of their own.
_EXTERNAL = 1 << 30


class Executor(Protocol):
    """name: as the user writes it ("torch:cpu"), for messages and reproducers."""

    name: str

    def run(self, model: ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Every output of `model` by name. Raises an InteropError where it cannot be run."""
        ...


class OnnxRuntime:
    """ONNX Runtime in this process, on the CPU: what runs a candidate that is a graph."""

    name = "onnxruntime:cpu"

    def run(self, model: ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        # As for the noise floor: else layers between Quantize and Dequantize run in integers.
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        names = [value.name for value in model.graph.output]
        try:
            session = ort.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            return dict(zip(names, session.run(names, dict(feeds)), strict=True))
        except Exception as error:  # ONNX Runtime's own have no base class in common
            raise InvalidModel(
                "ONNX Runtime cannot run it",
                hint="Check the model with onnx.checker.",
                detail=str(error).splitlines()[0] if str(error) else type(error).__name__,
            ) from error


def write_model(model: ModelProto, path: Path) -> None:
    """Write `model` to `path`; large weights go to a file beside it, for protobuf ends at 2 GiB."""
    weights = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    if weights <= _EXTERNAL:
        onnx.save(model, path)
        return
    copy = ModelProto()
    copy.CopyFrom(model)  # onnx moves the data out of the model that it is given
    onnx.save(copy, path, save_as_external_data=True, location=f"{path.name}.data")
