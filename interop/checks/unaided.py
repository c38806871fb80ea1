"""What each side shows by itself: a second run, and rows of a batch, held against its own outputs.

It costs each side about one more run over a few rows, where truth and floor cost several over all
of them; so it is always done. What has to be run is, while the side holds the model; it is judged
when truth and floors are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.checks.aspects import Aspect
from interop.checks.attempts import Attempt, Ran
from interop.errors import InteropError
from interop.floors import FLOOR_RUNS, Floors
from interop.parity.floor.noise import Noise, measure_outputs
from interop.parity.floor.precisions import FLOAT32, Precision
from interop.parity.unaided import (
    Arrays,
    Finding,
    Outcome,
    Trial,
    Yardstick,
    batch_axes,
    identical_rows,
    judge,
    not_run,
    rows_alone,
    rows_of,
    second_run,
)
from interop.proof import Plan, yardstick
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors

#: Runs each folder of inputs into the folder of outputs at its place.
RunAll = Callable[[list[str], list[str]], Any]


@dataclass(frozen=True)
class _Planned:
    """A trial on one set of the plan; `folders` are its feeds on disk, those that are to be run."""

    index: int
    trial: Trial
    folders: tuple[str, ...]


class Trials:
    """Chosen once for a plan: rows of its largest batch, and its first set again after all others."""

    def __init__(self, plan: Plan) -> None:
        axes = batch_axes(plan.signature)
        largest = max(range(len(plan.sets)), key=lambda index: rows_of(plan.sets[index], axes))
        chosen = (
            (largest, rows_alone(plan.sets[largest], axes)),
            (largest, identical_rows(plan.sets[largest], axes)),
            (0, second_run(plan.sets[0])),
        )
        self._plan = plan
        self._planned = tuple(
            _Planned(index, trial, self._written(number, trial))
            for number, (index, trial) in enumerate(chosen)
        )

    def _written(self, number: int, trial: Trial) -> tuple[str, ...]:
        place, folders = self._plan.folder / "trials" / str(number), []
        for count, feed in enumerate(trial.feeds[1:] if trial.known else trial.feeds):
            write_tensors(place / str(count), dict(feed))
            folders.append(str(place / str(count)))
        return tuple(folders)

    def run(self, run: RunAll, folder: Path) -> tuple[Ran, ...]:
        """All trials on one side that has run the plan's sets, its outputs below `folder`."""
        done = []
        for number, one in enumerate(self._planned):
            outputs = [str(folder / str(number) / str(k)) for k in range(len(one.folders))]
            try:
                if one.folders:
                    run(list(one.folders), outputs)
                done.append(Ran(tuple(outputs)))
            except InteropError as error:
                done.append(Ran(error=error))
        return tuple(done)

    def judge(
        self, outputs: Sequence[str], ran: Sequence[Ran], measure: Yardstick
    ) -> tuple[Finding, ...]:
        """outputs: the folders of what the side gave for the plan's sets; ran: what `run` gave."""
        found = []
        for one, given in zip(self._planned, ran, strict=True):
            if given.error is not None:
                found.append(not_run(one.trial, given.error, measure))
                continue
            folders = [outputs[one.index]] if one.trial.known and one.folders else []
            arrays = [read_tensors(folder) for folder in (*folders, *given.outputs)]
            found.append(judge(one.trial, arrays, measure))
        return tuple(found)


class Measures:
    """Truth and floors of trials, from the plan where they are those of its sets, else worked out by
    the checker when they are first asked for."""

    def __init__(self, plan: Plan, checker: Worker, narrower: Floors, seed: int) -> None:
        self._plan, self._checker, self._narrower, self._seed = plan, checker, narrower, seed
        self._sets = {id(one.arrays): index for index, one in enumerate(plan.sets)}
        self._truths: dict[int, Mapping[str, Any]] = {}
        self._floors: dict[tuple[int, str], Mapping[str, Noise]] = {}

    def of(self, precision: Precision) -> Yardstick:
        """For a side that is declared to compute in `precision`."""
        return Yardstick(self._truth, lambda arrays: self._floor(arrays, precision))

    def of_set(self, index: int, precision: Precision) -> Mapping[str, Noise]:
        """The floors on one of the plan's sets."""
        if precision == FLOAT32:
            return yardstick(self._plan, index)[1]
        truth = read_tensors(self._plan.outputs("truth")[index])
        return self._narrower.measure(precision, index, truth)

    def _truth(self, arrays: Arrays) -> Mapping[str, Any]:
        key = id(arrays)  # a trial's feeds live as long as its plan
        if key in self._sets:
            return read_tensors(self._plan.outputs("truth")[self._sets[key]])
        if key not in self._truths:
            place = self._place(key)
            write_tensors(place / "inputs", dict(arrays))
            self._checker.call(
                "truth", model=str(self._plan.canonical), inputs=[str(place / "inputs")],
                outputs=[str(place / "truth")],
            )  # fmt: skip
            self._truths[key] = read_tensors(place / "truth")
        return self._truths[key]

    def _floor(self, arrays: Arrays, precision: Precision) -> Mapping[str, Noise]:
        key = id(arrays), precision.name
        if key not in self._floors:
            self._floors[key] = self._measured(arrays, precision)
        return self._floors[key]

    def _measured(self, arrays: Arrays, precision: Precision) -> Mapping[str, Noise]:
        index = self._sets.get(id(arrays))
        if index is not None:
            return self.of_set(index, precision)
        truth = self._truth(arrays)
        place = self._place(id(arrays))
        folder = place / f"floor-{precision.name}"
        self._checker.call(
            "floor_runs", model=str(self._plan.canonical), inputs=[str(place / "inputs")],
            outputs=[str(folder)], seed=self._seed, runs=FLOOR_RUNS, precision=precision.name,
        )  # fmt: skip
        runs = [read_tensors(folder / str(run)) for run in range(FLOOR_RUNS + 1)]
        return measure_outputs(truth, runs, precision)

    def _place(self, key: int) -> Path:
        return self._plan.folder / "measured" / str(key)


def unaided_aspects(
    trials: Trials,
    attempts: Sequence[Attempt],
    measures: Measures,
    further: Mapping[str, Sequence[Finding]],
) -> list[Aspect]:
    """What each side shows by itself, of those that were run here. further: what else is known of some,
    by label."""
    return [
        _aspect(
            one.label,
            (
                *trials.judge(one.outputs, one.trials, measures.of(one.precision)),
                *further.get(one.label, ()),
            ),
        )
        for one in attempts
        if one.trials
    ]


def _aspect(label: str, findings: Sequence[Finding]) -> Aspect:
    """The worst finding gives the reason."""
    worst = max(findings, key=lambda one: _ORDER.index(one.outcome))
    passes = None if worst.outcome is Outcome.NOT_APPLICABLE else worst.passes
    evidence = {"findings": [one.to_json() for one in findings]}
    return Aspect(label, passes, f"{worst.check}: {worst.outcome}: {worst.reason}", evidence)


#: From best to worst.
_ORDER = (
    Outcome.NOT_APPLICABLE, Outcome.EQUAL, Outcome.ROUNDING, Outcome.BY_DESIGN, Outcome.DIFFERENT,
    Outcome.FAILED,
)  # fmt: skip
