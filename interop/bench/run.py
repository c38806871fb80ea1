"""The whole bench: the model, a grade for every backend, then the measurements, point by point."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interop import conversion
from interop.backends import Backend, Runner
from interop.bench.clocks import HOST
from interop.bench.energy import Meters, find_meters
from interop.bench.grading import Graded, grade_all
from interop.bench.machine import (
    CpuTime,
    calibrate,
    cpu_time,
    machine,
)
from interop.bench.measure import Contender, Effort, Outcome, Update, measure
from interop.bench.record import AGAIN, Point, bench_record
from interop.bench.subject import inputs_for, load
from interop.bench.threads import chosen_cpus, confined, thread_variables
from interop.errors import UsageError
from interop.output import check_free, staged, write_json
from interop.progress import Progress, Silent


@dataclass(frozen=True)
class Request:
    """What was asked for. model: with all that loading it takes. batches, threads: what to sweep over;
    empty is the usual batch, and as many threads as there are physical cores."""

    model: conversion.Request
    on: tuple[Backend, ...]
    output: Path | None = None
    batches: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    effort: Effort = field(default_factory=Effort)


@dataclass(frozen=True)
class Noise:
    """How quiet the machine was: seconds of each beat of the calibration loop, round by round, and the
    counters of processor time before and after."""

    beats: tuple[tuple[float, ...], ...]
    before: CpuTime | None
    after: CpuTime | None


@dataclass(frozen=True)
class Bench:
    """The record, and where it was written."""

    folder: Path | None
    document: dict[str, Any]


def run(request: Request, progress: Progress | None = None) -> Bench:
    """Carry out `request`. A backend that fails, or whose parity does, has a row without figures.

    Raises UsageError, and what loading the model raises; then nothing is left on disk, and no process.
    """
    progress = progress or Silent()
    here = machine()
    threads = request.threads or (here.cores,)
    cpus = {count: chosen_cpus(count) for count in threads}
    _check(request)
    with conversion.scratch_folder() as scratch:
        subject = load(request.model, scratch, progress)
        batches = request.batches or (None,)
        fed = {b: inputs_for(subject, request.model, b, scratch / f"batch-{b}") for b in batches}
        graded = grade_all(subject, request, scratch, progress)
        beats: list[tuple[float, ...]] = []
        before, meters, points = cpu_time(), find_meters(), []
        for batch, count in itertools.product(batches, threads):
            folder, shapes = fed[batch]
            with progress.stage(_title(batch, count)) as update:
                point = _Place(request, graded, scratch, meters, count, cpus[count])
                outcomes = point.measure(folder, lambda: beats.append(calibrate()), update)
            points.append(Point(batch, count, cpus[count], HOST, shapes, outcomes))
        noise = Noise(tuple(beats), before, cpu_time())
        document = bench_record(request, subject, here, noise, graded, points, meters)
        if request.output is not None:
            _write(document, request.output)
    return Bench(request.output, document)


@dataclass(frozen=True)
class _Place:
    """One point: so many threads, on those processors."""

    request: Request
    graded: Mapping[Backend, Graded]
    scratch: Path
    meters: Meters
    threads: int
    cpus: tuple[int, ...]

    def measure(self, inputs: str, between: Any, update: Update) -> dict[str, Outcome]:
        """The outcomes of those whose parity holds; the first of them has a double."""
        passing = {str(b): self._contender(b) for b, one in self.graded.items() if one.passes}
        if len(passing) > 1:
            first = next(iter(passing))
            passing[first + AGAIN] = passing[first]
        effort = self.request.effort
        return measure(passing, inputs, effort, self.meters, update=update, between=between)

    def _contender(self, backend: Backend) -> Contender:
        graded, timeout = self.graded[backend], self.request.model.timeout
        assert graded.home is not None
        assert graded.artifact is not None
        home, variables = graded.home, thread_variables(self.threads)

        def open_one() -> Runner:
            with confined(self.cpus):
                return Runner(backend, home, timeout, Silent(), self.scratch, variables=variables)

        return Contender(open_one, graded.artifact)


def _check(request: Request) -> None:
    if request.effort.processes < 2 or request.effort.seconds <= 0:
        raise UsageError(
            "a bench needs two processes of each contender at least, and some time",
            hint="One process says nothing of the next: give --processes 3 or more.",
        )
    if request.output is not None:
        check_free(request.output, force=request.model.force)


def _title(batch: int | None, threads: int) -> str:
    return f"measure, {'' if batch is None else f'batch {batch}, '}threads {threads}"


def _write(document: dict[str, Any], folder: Path) -> None:
    from interop.report.bench_page import page

    with staged(folder) as aside:
        write_json(document, aside / "bench.json")
        (aside / "index.html").write_text(page(document), encoding="utf-8")
