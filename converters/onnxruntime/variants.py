"""A model in another precision, made with ONNX Runtime's own tools. Runs in the onnx environment.

fp16: every float32 tensor inside becomes float16, inputs and outputs stay. int8-dynamic: weights of
products in eight bits, activations rounded as they come. int8-static: activations, too, by ranges that
were seen on the calibration inputs; Quantize and Dequantize around each operator, weights by channel.
int8-symmetric: the same as TensorRT takes it, zero being zero, and biases in float32. fp8: as that, by
the same ranges, but that each number is one of float8 (E4M3).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from interop.converters.onnxruntime.float8 import in_float8
from onnxruntime.quantization import CalibrationDataReader, quantize_dynamic, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

from interop.errors import UnsupportedOperator, UsageError
from interop.workers.tensors import read_tensors


class _Folders(CalibrationDataReader):  # type: ignore[misc]
    """The sets of tensors in some folders, one after the other."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._left = list(folders)

    def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
        if not self._left:
            return None
        # A copy: the tool keeps what it is given, and mapped files end with their folder.
        return {name: np.array(a) for name, a in read_tensors(self._left.pop(0)).items()}


def _fp16(model: str, path: str, calibration: Sequence[str]) -> None:
    onnx.save(convert_float_to_float16(onnx.load(model), keep_io_types=True), path)


def _int8_dynamic(model: str, path: str, calibration: Sequence[str]) -> None:
    quantize_dynamic(model, path)


def _int8_static(model: str, path: str, calibration: Sequence[str]) -> None:
    quantize_static(model, path, _Folders(calibration), per_channel=True)


def _int8_symmetric(model: str, path: str, calibration: Sequence[str]) -> None:
    settings = {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False}
    quantize_static(model, path, _Folders(calibration), per_channel=True, extra_options=settings)


def _fp8(model: str, path: str, calibration: Sequence[str]) -> None:
    """The tool's own way to float8 takes ranges by the spread of what was seen and cuts off the rest: an
    activation whose largest numbers matter is lost (resnet18 keeps no bit), so that ranges are those of
    int8 here."""
    _int8_symmetric(model, path, calibration)
    onnx.save(in_float8(onnx.load(path), onnx.load(model)), path)


MAKERS = {
    "fp16": _fp16,
    "int8-dynamic": _int8_dynamic,
    "int8-static": _int8_static,
    "int8-symmetric": _int8_symmetric,
    "fp8": _fp8,
}

#: Those that see the ranges of activations on inputs.
CALIBRATED = ("int8-static", "int8-symmetric", "fp8")


def make_variant(
    model: str, path: str, precision: str, calibration: Sequence[str] = ()
) -> dict[str, Any]:
    """Write the canonical `model` in that precision to `path`.

    calibration: folders of inputs, which those of CALIBRATED need. Raises UsageError without them, and
    UnsupportedOperator where the tool cannot make it.
    """
    if precision in CALIBRATED and not calibration:
        raise UsageError(
            f"{precision} needs inputs to see the ranges of activations on",
            hint="Give some of your own: --data inputs.npz",
        )
    try:
        MAKERS[precision](model, path, calibration)
    except Exception as error:  # the tools raise anything
        Path(path).unlink(missing_ok=True)
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnsupportedOperator(
            f"ONNX Runtime's tool cannot make the model in {precision}: {first}",
            hint="It stays in float32 here; another runtime may do it (tflite, openvino).",
        ) from error
    return {"bytes": Path(path).stat().st_size}


OPERATIONS = {"make_variant": make_variant}
