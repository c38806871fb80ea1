"""The whole bench: the model, a grade for every backend, then the measurements, point by point."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interop import conversion
from interop.backends import Backend, Runner
from interop.bench.clocks import DEVICE, Clock, clocks, has_device
from interop.bench.energy import Meters, find_meters
from interop.bench.grading import Graded, Settings, check_gradable, find_truth, grade_on
from interop.bench.machine import CpuTime, calibrate, cpu_time, machine
from interop.bench.measure import Contender, Effort, Outcome, Update, measure
from interop.bench.record import AGAIN, Point, bench_record
from interop.bench.subject import Subject, inputs_for, load
from interop.bench.threads import chosen_cpus, confined, thread_variables
from interop.checks.homes import Homes
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
    _check(request)
    with conversion.scratch_folder() as scratch:
        homes = Homes(request.on, progress)  # made while the model is exported
        subject = load(request.model, scratch, progress)
        plan, model = subject.plan, request.model
        # Before the long part, which ends in them; engines are built for these sizes, too.
        sizes = [inputs_for(subject, model, b, scratch / f"sizes-{b}")[0] for b in request.batches]
        check_gradable(plan)
        settings = Settings(model.timeout, model.seed, scratch, tuple(sizes))
        find_truth(plan, settings, progress)
        graded = {
            backend: grade_on(backend, plan, homes, settings, progress) for backend in request.on
        }
        document = timed(request, subject, graded, scratch, progress)
        if request.output is not None:
            _write(document, request.output)
    return Bench(request.output, document)


def timed(
    request: Request,
    subject: Subject,
    graded: Mapping[Backend, Graded],
    scratch: Path,
    progress: Progress,
) -> dict[str, Any]:
    """The record of timing `subject`, at every point asked for, where parity holds."""
    cpus = _cpus(request)
    batches: tuple[int | None, ...] = request.batches or (None,)
    fed = {b: inputs_for(subject, request.model, b, scratch / f"batch-{b}") for b in batches}
    contenders = _Contenders(request, graded, scratch, find_meters())
    beats: list[tuple[float, ...]] = []
    before, points = cpu_time(), []
    for batch, threads, clock in itertools.product(batches, cpus, clocks(request.on)):
        inputs, shapes = fed[batch]
        with progress.stage(_title(batch, threads, clock)) as update:
            seen = contenders.measure(
                inputs, threads, cpus[threads], clock,
                between=lambda: beats.append(calibrate()), update=update,
            )  # fmt: skip
        points.append(Point(batch, threads, cpus[threads], clock, shapes, seen))
    noise = Noise(tuple(beats), before, cpu_time())
    return bench_record(request, subject, machine(), noise, graded, points, contenders.meters)


def _cpus(request: Request) -> dict[int, tuple[int, ...]]:
    """The processors for each number of threads. Raises UsageError where there are not so many."""
    return {count: chosen_cpus(count) for count in request.threads or (machine().cores,)}


@dataclass(frozen=True)
class _Contenders:
    """Who is measured, if parity holds, and with what."""

    request: Request
    graded: Mapping[Backend, Graded]
    scratch: Path
    meters: Meters

    def measure(
        self,
        inputs: str,
        threads: int,
        cpus: tuple[int, ...],
        clock: Clock,
        *,
        between: Callable[[], None],
        update: Update,
    ) -> dict[str, Outcome]:
        """The outcomes of those whose parity holds; the first of them has a double."""
        passing = {
            str(backend): self._contender(backend, one, threads, cpus)
            for backend, one in self.graded.items()
            if one.passes and (clock is not DEVICE or has_device(backend))
        }
        if len(passing) > 1:
            first = next(iter(passing))
            passing[first + AGAIN] = passing[first]
        return measure(
            passing, inputs, self.request.effort, self.meters,
            resident=clock is DEVICE, between=between, update=update,
        )  # fmt: skip

    def _contender(
        self, backend: Backend, graded: Graded, threads: int, cpus: tuple[int, ...]
    ) -> Contender:
        timeout, variables = self.request.model.timeout, thread_variables(threads)
        assert graded.ready is not None
        home = graded.ready.home

        def start() -> Runner:
            with confined(cpus):
                return Runner(backend, home, timeout, Silent(), self.scratch, variables=variables)

        return Contender(start, graded.ready.artifact)


def _check(request: Request) -> None:
    """Before any work is done."""
    if request.effort.processes < 2 or not request.effort.seconds > 0:
        raise UsageError(
            "a bench needs two processes of each contender at least, and some seconds",
            hint="One process says nothing of the next: give --processes 3 or more.",
        )
    _cpus(request)
    if request.output is not None:
        check_free(request.output, force=request.model.force)


def _title(batch: int | None, threads: int, clock: Clock) -> str:
    return f"measure, {'' if batch is None else f'batch {batch}, '}threads {threads}, {clock.title}"


def _write(document: dict[str, Any], folder: Path) -> None:
    from interop.report.bench_page import page

    with staged(folder) as aside:
        write_json(document, aside / "bench.json")
        (aside / "index.html").write_text(page(document), encoding="utf-8")
