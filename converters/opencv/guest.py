"""The OpenCV worker: reads a .onnx file into a cv2.dnn network, and runs it on the processor.

A folder of inputs or outputs is one set of tensors (interop.workers.tensors).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from interop.errors import InvalidModel, WorkerCrashed
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls

_LOADED: dict[str, Any] = {}


def load(path: str, device: str = "cpu", precision: str = "fp32") -> dict[str, Any]:
    """Load a .onnx file. Raises InvalidModel where OpenCV cannot read it."""
    try:
        net = cv2.dnn.readNetFromONNX(path)
        names = list(net.getUnconnectedOutLayersNames())
    except cv2.error as error:
        raise InvalidModel(
            f"OpenCV cannot load {Path(path).name}",
            hint="Its detail names the layer; `onnxruntime:cpu` may have it.",
            detail=_telling(error),
        ) from error
    _LOADED.update(net=net, outputs=names)
    return {"runtime": f"opencv {cv2.__version__}", "outputs": names}


def _telling(error: cv2.error) -> str:
    return " ".join(str(error).split())[:500]


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run each folder of `inputs` into the folder of `outputs` at its place."""
    for source, target in zip(inputs, outputs, strict=True):
        try:
            results = _call(_feeds(source))
        except cv2.error as error:
            raise WorkerCrashed(
                "OpenCV failed while it ran the model",
                hint="It may take other sizes: --size sets them.",
                detail=_telling(error),
            ) from error
        write_tensors(target, dict(zip(_LOADED["outputs"], results, strict=True)))
    return {}


def time(inputs: str, runs: int, warmup: int = 1) -> dict[str, Any]:
    """Seconds of each of `runs` calls on one folder of inputs, after `warmup` unmeasured."""
    feeds = _feeds(inputs)
    return time_calls(lambda: _call(feeds), runs, warmup)


def _feeds(folder: str) -> dict[str, np.ndarray]:
    return {name: np.array(array) for name, array in read_tensors(folder).items()}


def _call(feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    net = _LOADED["net"]
    for name, array in feeds.items():
        net.setInput(array, name)
    return [np.asarray(result) for result in net.forward(_LOADED["outputs"])]


OPERATIONS = {"load": load, "run": run, "time": time}
