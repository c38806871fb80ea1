"""A worker process that holds a model on one backend."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from interop.backends.artifacts import built
from interop.backends.grammar import Backend
from interop.conversion import provide_for
from interop.dialect import Dialect
from interop.doctor import find_gpu
from interop.environments import Environment
from interop.errors import EnvironmentUnavailable
from interop.progress import Progress, Silent
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors


def check_device(backend: Backend) -> None:
    """Raise EnvironmentUnavailable where this machine lacks the device of `backend`."""
    if not backend.place.nvidia:
        return
    gpu = find_gpu()
    if not gpu.names:
        raise EnvironmentUnavailable(
            f"{backend} needs an NVIDIA GPU: {gpu.reason}",
            hint="install NVIDIA's driver (`nvidia-smi` then lists the device), or run it on a "
            "machine that has one; `interop doctor` shows what is found",
        )


def open_runner(
    backend: Backend,
    *,
    timeout: float = 1800.0,
    progress: Progress | None = None,
    scratch: Path,
    log: Callable[[str], None] | None = None,
) -> Runner:
    """Start the worker of `backend`; its environment is made on first use.

    timeout: seconds that one step may take. scratch: a folder for what has to be converted and
    translated; runners may share one, and then share what is converted. log: called with what the
    worker prints.

    Raises EnvironmentUnavailable where the device or the environment cannot be had.
    """
    check_device(backend)
    progress = progress or Silent()
    home = provide_for(backend.place.framework, backend.version, progress)
    return Runner(backend, home, timeout, progress, scratch, log)


class Runner:
    """A context manager: leaving it ends the worker. Every call raises as `Worker.call` does."""

    def __init__(
        self,
        backend: Backend,
        home: Environment,
        timeout: float,
        progress: Progress,
        scratch: Path,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.backend = backend
        #: The environment that it runs in, with the version that `backend` may have left open.
        self.home = home
        self._timeout, self._progress, self._scratch = timeout, progress, scratch
        self._dialect: Dialect | None = None
        self._worker = Worker(
            home.interpreter, backend.place.module, label=str(backend), timeout=timeout, log=log
        )

    @property
    def peak_memory(self) -> int:
        """The most memory in bytes that the worker had held by its last reply."""
        return self._worker.peak_memory

    @property
    def alive(self) -> bool:
        """Whether it can still be called: not closed, and not ended by a call that went wrong."""
        return self._worker.alive

    def load(self, model: Path, calibration: Sequence[str] = ()) -> None:
        """Load the canonical ONNX file `model`; for a backend that takes no ONNX it is converted.

        calibration: folders of inputs, for a precision that needs some (int8).
        """
        backend = self.backend
        if backend.row.takes_onnx:
            self._worker.call(
                "load", path=str(model), device=backend.device, precision=backend.runs_in
            )
            return
        artifact = built(
            model, backend, self.home, self._scratch,
            calibration=tuple(calibration), timeout=self._timeout, progress=self._progress,
        )  # fmt: skip
        self._dialect = None if artifact.dialect.plain else artifact.dialect
        self._worker.call("load", path=str(artifact.path))

    def run(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Run each folder of `inputs` into the folder of `outputs` at its place.

        Folders are as interop.workers.tensors has them, under the ONNX names and in its layout.
        """
        if self._dialect is None:
            self._worker.call("run", inputs=list(inputs), outputs=list(outputs))
            return
        for given, wanted in zip(inputs, outputs, strict=True):  # one at a time on the disk
            handed, raw = self._handed(given), self._aside("returned")
            self._worker.call("run", inputs=[handed], outputs=[raw])
            write_tensors(wanted, self._dialect.take_back(read_tensors(raw)))
            shutil.rmtree(raw)

    def time(self, inputs: str, runs: int, warmup: int = 1) -> list[float]:
        """Seconds of each of `runs` runs on one folder of inputs, measured inside the worker, after
        `warmup` unmeasured ones."""
        answer = self._worker.call("time", inputs=self._handed(inputs), runs=runs, warmup=warmup)
        seconds: list[float] = answer["seconds"]
        return seconds

    def close(self) -> None:
        """End the worker."""
        self._worker.close()
        for name in ("handed", "returned"):
            shutil.rmtree(self._aside(name), ignore_errors=True)

    def _handed(self, inputs: str) -> str:
        """The folder `inputs` as the artifact takes it."""
        if self._dialect is None:
            return inputs
        folder = self._aside("handed")
        shutil.rmtree(folder, ignore_errors=True)
        write_tensors(folder, self._dialect.hand_over(read_tensors(inputs)))
        return folder

    def _aside(self, name: str) -> str:
        return str(self._scratch / f"{name}-{id(self)}")

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._worker.__exit__(kind, error, trace)
        self.close()
