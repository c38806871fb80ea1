"""A worker process that holds a model on one backend."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

from interop.backends.artifacts import Built, built
from interop.backends.engines import engine
from interop.backends.grammar import Backend
from interop.backends.translated import Translated
from interop.backends.typed import MAKER, typed
from interop.conversion import provide_for
from interop.doctor import find_gpu
from interop.environments import Environment
from interop.errors import EnvironmentUnavailable, UsageError
from interop.progress import Progress, Silent
from interop.workers import Worker

#: Called with each line that a worker prints.
Log = Callable[[str], None]

_NO_DEVICE = (
    "install NVIDIA's driver (`nvidia-smi` then lists the device), or run it on a "
    "machine that has one; `interop doctor` shows what is found"
)

_NUMBERS = count()  # so that runners which share a folder each have one of their own in it


def find_home(backend: Backend, progress: Progress) -> Environment:
    """The environment of `backend`, made on first use.

    Raises EnvironmentUnavailable where this machine lacks the device, before anything is made, or
    where the environment cannot be had. A backend that builds anywhere lacks it only when it is to
    run.
    """
    place = backend.place
    if place.nvidia and not place.builds_anywhere and not (gpu := find_gpu()).names:
        raise EnvironmentUnavailable(
            f"{backend} needs an NVIDIA GPU: {gpu.reason}", hint=_NO_DEVICE
        )
    return provide_for(place.framework, backend.version, progress)


def open_runner(
    backend: Backend,
    *,
    timeout: float = 1800.0,
    progress: Progress | None = None,
    scratch: Path,
    log: Log | None = None,
    variables: Mapping[str, str] | None = None,
) -> Runner:
    """Start the worker of `backend`; its environment is made on first use.

    timeout: seconds that one step may take. scratch: a folder for what has to be converted and
    translated; runners may share one, and then share what is converted. variables: of the worker's
    environment, beside those that any worker gets.

    Raises EnvironmentUnavailable where the device or the environment cannot be had.
    """
    shown = progress or Silent()
    return Runner(backend, find_home(backend, shown), timeout, shown, scratch, log, variables)


class Runner:
    """A context manager: leaving it ends the worker. Every call raises as `Worker.call` does.

    home: where it runs, with the version that `backend` may have left open. facts: what the worker
    said of the model when it had loaded it.
    """

    def __init__(
        self,
        backend: Backend,
        home: Environment,
        timeout: float,
        progress: Progress,
        scratch: Path,
        log: Log | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.backend, self.home = backend, home
        self.facts: dict[str, Any] = {}
        self._timeout, self._progress, self._scratch, self._log = timeout, progress, scratch, log
        self._aside = scratch / f"runner-{next(_NUMBERS)}"
        self._ready: Translated | None = None
        self._variables = variables
        self._workers = [self._start(backend.place.module)]

    @property
    def pid(self) -> int:
        """The number of the worker's process."""
        return self._workers[0].pid

    @property
    def peak_memory(self) -> int:
        """The most memory in bytes that the worker had held by its last reply."""
        return self._workers[0].peak_memory

    @property
    def alive(self) -> bool:
        """Whether it can still be called: not closed, and not ended by a call that went wrong."""
        return self._workers[0].alive

    def load(self, model: Path, calibration: Sequence[str] = ()) -> None:
        """Load the canonical ONNX file `model`; for a backend that takes no ONNX it is converted.

        calibration: folders of inputs, for a precision that needs some (int8), and for engines, which
        are built for their sizes.

        Raises UnsupportedOperator and InvalidModel where the runtime does not take the model;
        EnvironmentUnavailable where this machine can build an engine, but not run it.
        """
        self.load_built(self.build(model, calibration))

    def build(self, model: Path, calibration: Sequence[str] = ()) -> Built:
        """What `load` lets the worker read: `model` itself, or what is made of it, once."""
        ready = typed(
            model, self.backend, self._scratch, calibration, maker=self._maker,
            progress=self._progress,
        )  # fmt: skip
        if self.backend.row.engine:
            return engine(
                ready, self.backend, self.home, find_gpu(), calibration, builder=self._builder,
                progress=self._progress,
            )  # fmt: skip
        if self.backend.row.takes_onnx:
            return Built(ready, None)
        return built(
            ready, self.backend, self.home, self._scratch, calibration=tuple(calibration),
            builder=self._builder, progress=self._progress,
        )  # fmt: skip

    def load_built(self, artifact: Built) -> None:
        """Load what `build` gave, here or in another runner of this backend."""
        backend, worker = self.backend, self._workers[0]
        if backend.place.builds_anywhere and not (gpu := find_gpu()).names:
            raise EnvironmentUnavailable(
                f"{backend} is not run: {gpu.reason}; {artifact.said}", hint=_NO_DEVICE
            )
        options: dict[str, Any] = {}
        if backend.row.asks:
            options = {"device": backend.device, "precision": backend.runs_in}
        self.facts = worker.call("load", path=artifact.path, **options)
        self._ready = Translated(worker, artifact.dialect, self._aside)

    def run(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Run each folder of `inputs` into the folder of `outputs` at its place.

        Folders are as interop.workers.tensors has them, under the ONNX names and in its layout.
        """
        answer = self._loaded.run(inputs, outputs)
        self.facts |= {"copies": answer.get("copies")}

    def time(
        self, inputs: str, runs: int, warmup: int = 1, *, resident: bool = False
    ) -> list[float]:
        """Seconds of each of `runs` runs on one folder of inputs, measured inside the worker, after
        `warmup` unmeasured ones.

        resident: inputs and outputs stay in the device's memory; for backends of a device.
        """
        return self._loaded.time(inputs, runs, warmup, "time_resident" if resident else "time")

    def close(self) -> None:
        """End the worker, in the middle of a call, too."""
        for worker in self._workers:
            worker.close()
        shutil.rmtree(self._aside, ignore_errors=True)

    @property
    def _loaded(self) -> Translated:
        if self._ready is None:
            raise UsageError(f"no model is loaded on {self.backend}", hint="Call load first.")
        return self._ready

    def _builder(self) -> Worker:
        """A second worker: one that has built an artifact may hold more than was written."""
        self._workers.append(self._start(self.backend.place.module))
        return self._workers[-1]

    def _maker(self) -> Worker:
        """The worker that makes the model in another precision."""
        home = provide_for("onnx", None, self._progress)
        worker = Worker(home.interpreter, MAKER, label="onnx", timeout=self._timeout, log=self._log)
        self._workers.append(worker)
        return worker

    def _start(self, module: str) -> Worker:
        return Worker(
            self.home.interpreter, module, label=str(self.backend), timeout=self._timeout,
            log=self._log, environment=self._variables,
        )  # fmt: skip

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
