"""The operations of a worker of TensorRT or TensorRT-RTX: build an engine, load one, run it.

A folder of inputs or outputs is one set of tensors (interop.workers.tensors).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from interop.converters.tensorrt.network import build_engine, make_log

from interop.errors import UsageError
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls


def operations(trt: Any, title: str) -> dict[str, Callable[..., dict[str, Any]]]:
    """By name, for `trt`, the package tensorrt or tensorrt_rtx."""
    worker = _Worker(trt, title)
    return {
        "build": worker.build,
        "load": worker.load,
        "run": worker.run,
        "time": worker.time,
        "time_resident": worker.time_resident,
    }


class _Worker:
    """One engine a process."""

    def __init__(self, trt: Any, title: str) -> None:
        self._trt, self._title, self._log = trt, title, make_log(trt)
        self._engine: Any = None

    def build(
        self, model: str, path: str, precision: str, profile: dict[str, Any]
    ) -> dict[str, Any]:
        """As `network.build_engine`."""
        return build_engine(self._trt, self._title, self._log, model, path, precision, profile)

    def load(self, path: str, device: str = "cuda", precision: str = "fp32") -> dict[str, Any]:
        """Load the engine at `path`. Whether there is a driver has to be asked before: without one
        the library may take its process along."""
        from interop.converters.tensorrt.execution import Engine  # what only running needs

        self._engine = Engine(self._trt, self._title, self._log, path)
        runtime = f"{self._trt.__name__} {self._trt.__version__}"
        return {"runtime": runtime, "inputs": self._engine.inputs, "outputs": self._engine.outputs}

    def run(self, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
        """Run each folder of `inputs` into the folder of `outputs` at its place."""
        engine = self._loaded()
        for source, target in zip(inputs, outputs, strict=True):
            write_tensors(target, engine.run(read_tensors(source)))
        return {}

    def time(self, inputs: str, runs: int, warmup: int = 1) -> dict[str, Any]:
        """Seconds of each of `runs` runs from host to host, after `warmup` unmeasured ones."""
        engine = self._loaded()
        feeds = {name: np.array(array) for name, array in read_tensors(inputs).items()}
        return time_calls(lambda: engine.run(feeds), runs, warmup)

    def time_resident(self, inputs: str, runs: int, warmup: int = 1) -> dict[str, Any]:
        """As `time`, but inputs and outputs stay on the device, and the clock is the device's own."""
        engine = self._loaded()
        engine.feed(read_tensors(inputs))
        seconds = [engine.run_resident() for _ in range(warmup + runs)]
        return {"seconds": seconds[warmup:]}

    def _loaded(self) -> Any:
        if self._engine is None:
            raise UsageError("no engine is loaded", hint="Call load first.")
        return self._engine
