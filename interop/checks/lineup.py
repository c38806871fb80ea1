"""The backends of a check: environments all at once, models one after the other on the cores."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from interop.backends import Backend, Runner
from interop.backends.runner import Log
from interop.checks.attempts import Attempt
from interop.checks.homes import Homes
from interop.checks.later import Later
from interop.checks.unaided import Trials
from interop.progress import Progress
from interop.proof import Plan

#: Seconds that what is being made ready is given to notice that its workers have ended.
_GRACE = 5.0


class Lineup:
    """A context manager; leaving it ends all workers.

    Entering sets the environments going. `begin` makes the first backend ready, and while one runs,
    the next is made ready: at most two hold the model at a time. sizes: folders of inputs that a
    backend is made ready for beside those of the plan.
    """

    def __init__(
        self,
        backends: tuple[Backend, ...],
        timeout: float,
        scratch: Path,
        progress: Progress,
        log: Log | None,
        sizes: Sequence[str] = (),
    ) -> None:
        self._sizes = tuple(sizes)
        self._backends, self._timeout, self._scratch = backends, timeout, scratch
        self._progress, self._log = progress, log
        self._homes: Homes | None = None
        self._runners: list[Runner] = []
        self._ready: list[Later[tuple[Runner, float]]] = []

    def begin(self, plan: Plan) -> None:
        """Make the first one ready for the model and the inputs of `plan`, in the background."""
        self._make_ready(0, plan)

    def attempts(
        self, plan: Plan, inputs: list[str] | None = None, trials: Trials | None = None
    ) -> Iterator[Attempt]:
        """The outcome of each, in order; whatever goes wrong with one is its outcome.

        inputs: folders to run on; None, those of the plan. trials: what else to run afterwards.
        """
        given = plan.inputs() if inputs is None else inputs
        for index, backend in enumerate(self._backends):
            folder = plan.folder / f"outputs-{index}"
            outputs = tuple(str(folder / str(number)) for number in range(len(given)))
            yield self._attempt(index, backend, plan, given, outputs, trials)

    def _attempt(
        self,
        index: int,
        backend: Backend,
        plan: Plan,
        inputs: list[str],
        outputs: tuple[str, ...],
        trials: Trials | None,
    ) -> Attempt:
        row = Attempt(str(backend), "backend", framework=backend.place.framework)
        later, runner = self._ready[index], None
        try:
            with self._progress.stage(f"run on {backend}"):
                try:
                    runner, ready = later.result()
                finally:
                    self._make_ready(index + 1, plan)
                row = replace(row, version=runner.home.version)
                start = time.perf_counter()
                runner.run(inputs, outputs)
                row = replace(row, facts=runner.facts)
                seconds = {"ready": ready, "run": time.perf_counter() - start}
                row = replace(row, outputs=outputs, seconds=seconds)
                if trials is not None:
                    row = replace(
                        row, trials=trials.run(runner.run, plan.folder / f"trials-{index}")
                    )
            return replace(row, peak_memory=runner.peak_memory)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is a row, and not the end
            return replace(row, error=error)
        finally:
            if runner is not None:
                runner.close()

    def _make_ready(self, index: int, plan: Plan) -> None:
        if index < len(self._backends):
            self._ready.append(Later(lambda: self._open(self._backends[index], plan)))

    def _open(self, backend: Backend, plan: Plan) -> tuple[Runner, float]:
        assert self._homes is not None
        home = self._homes.of(backend)
        start = time.perf_counter()
        runner = Runner(backend, home, self._timeout, self._progress, self._scratch, self._log)
        self._runners.append(runner)
        try:
            runner.load(plan.canonical, calibration=[*plan.inputs(), *self._sizes])
        except BaseException:
            runner.close()
            raise
        return runner, time.perf_counter() - start

    def __enter__(self) -> Lineup:
        self._homes = Homes(self._backends, self._progress)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for runner in self._runners:
            runner.close()
        for later in self._ready:  # else it might still write where everything is cleared away
            later.wait(_GRACE)
