"""What runs the pieces of a model: anything that takes an ONNX model and gives its outputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
from onnx import ModelProto

from interop.backends import Backend, Runner, open_runner
from interop.errors import InvalidModel
from interop.parity.floor.precisions import FLOAT32, Precision, precision_named
from interop.progress import Progress
from interop.workers.tensors import read_tensors, write_tensors

Array = np.ndarray[Any, Any]

#: Bytes of weights above which a model is written with them in a file of their own.
_EXTERNAL = 1 << 30


class Executor(Protocol):
    """name: as the user writes it ("torch:cpu"); plain: it is what runs unasked; versions: of what it
    runs on, by name. For messages and reproducers. precision: whose floor it is held to."""

    name: str
    plain: bool
    precision: Precision

    @property
    def versions(self) -> dict[str, str]: ...

    def run(self, model: ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Every output of `model` by name. Raises an InteropError where it cannot be run."""
        ...


class OnnxRuntime:
    """ONNX Runtime in this process, on the CPU: what runs a candidate that is a graph."""

    name = "onnxruntime:cpu"
    plain = True
    precision = FLOAT32

    @property
    def versions(self) -> dict[str, str]:
        return {"onnxruntime": ort.__version__}

    def run(self, model: ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
        options = ort.SessionOptions()
        options.log_severity_level = 4  # a piece that fails is a result, and told as one
        # As for the noise floor: else layers between Quantize and Dequantize run in integers.
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        names = [value.name for value in model.graph.output]
        try:
            session = self._session(model, options)
            return dict(zip(names, session.run(names, dict(feeds)), strict=True))
        except Exception as error:  # ONNX Runtime's own have no base class in common
            raise InvalidModel(
                "ONNX Runtime cannot run it",
                hint="Check the model with onnx.checker.",
                detail=str(error).splitlines()[0] if str(error) else type(error).__name__,
            ) from error

    @staticmethod
    def _session(model: ModelProto, options: ort.SessionOptions) -> ort.InferenceSession:
        if _weight_bytes(model) <= _EXTERNAL:
            return ort.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        with tempfile.TemporaryDirectory(prefix="interop-") as folder:
            write_model(model, Path(folder, "model.onnx"))
            return ort.InferenceSession(
                Path(folder, "model.onnx"), options, providers=["CPUExecutionProvider"]
            )


def write_model(model: ModelProto, path: Path) -> None:
    """Write `model` to `path`; large weights go to a file beside it, for protobuf ends at 2 GiB."""
    if _weight_bytes(model) <= _EXTERNAL:
        onnx.save(model, path)
        return
    copy = ModelProto()
    copy.CopyFrom(model)  # onnx moves the data out of the model that it is given
    onnx.save(copy, path, save_as_external_data=True, location=f"{path.name}.data")


def _weight_bytes(model: ModelProto) -> int:
    return sum(len(tensor.raw_data) for tensor in model.graph.initializer)


class OnBackend:
    """A backend, in a worker of its own, which is started anew where a model has ended it.

    A context manager: leaving it ends the worker.
    """

    plain = False

    def __init__(
        self,
        backend: Backend,
        scratch: Path,
        *,
        timeout: float,
        progress: Progress,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.name = str(backend)
        self.precision = precision_named(backend.runs_in)
        self._backend, self._scratch, self._timeout = backend, scratch, timeout
        self._progress, self._log = progress, log
        self._runner: Runner | None = None
        self._runs = 0

    def run(self, model: ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
        runner = self._ready()
        folder = self._scratch / f"run-{self._runs}"
        self._runs += 1
        folder.mkdir(parents=True)
        write_model(model, folder / "model.onnx")
        write_tensors(folder / "inputs", dict(feeds))
        runner.load(folder / "model.onnx", calibration=[str(folder / "inputs")])
        runner.run([str(folder / "inputs")], [str(folder / "outputs")])
        return read_tensors(folder / "outputs")

    @property
    def versions(self) -> dict[str, str]:
        home = self._ready().home
        return {home.framework: home.version}

    def _ready(self) -> Runner:
        if self._runner is None or not self._runner.alive:
            self.close()
            self._runner = open_runner(
                self._backend, timeout=self._timeout, progress=self._progress,
                scratch=self._scratch, log=self._log,
            )  # fmt: skip
        return self._runner

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()

    def __enter__(self) -> OnBackend:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
