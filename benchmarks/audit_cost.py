"""What an audit costs over the runs that it needs: the aim is at most 1.5 times their sum.

    python benchmarks/audit_cost.py [MODEL] [--from torch] [--on ...] [--rounds 3]

The runs that it needs, each started by itself and alone: the export, the truth with its floor, on every
backend the conversion and one run, and as many cold processes, warmed up and timed, as an audit takes of
each (one more for the first, which is measured against itself), and each precision of fewer bits made and
run. The audit is the command, from its start to its end, with all environments there.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cost import Stopwatch, main

from interop.audit.run import EFFORT, USUAL
from interop.audit.variants import PRECISIONS, variant
from interop.backends import Backend, Runner
from interop.bench.energy import Meters
from interop.bench.grading import Homes, Settings, find_truth, grade_on
from interop.bench.process import start
from interop.bench.run import Request as Timing
from interop.bench.run import _cpus
from interop.bench.subject import Subject, load
from interop.bench.threads import confined, thread_variables
from interop.conversion import Request
from interop.progress import Silent

#: The most that an audit may take, in sums of its runs.
AIM = 1.5


def needed(request: Request, on: tuple[Backend, ...]) -> dict[str, float]:
    """Seconds of each of the runs, one after the other."""
    watch, silent = Stopwatch(), Silent()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        settings, homes = Settings(request.timeout, request.seed, scratch), Homes(on, silent)
        with watch.of("export"):
            subject = load(request, scratch, silent)
        with watch.of("truth and floor"):
            find_truth(subject.plan, settings, silent)
        for index, backend in enumerate(on):
            with watch.of(f"{backend}, graded"):
                row = grade_on(backend, subject.plan, homes, settings, silent)
            if row.passes and row.ready is not None:
                open_runner = _opener(backend, row.ready.home, request, on, scratch)
                for _ in range(EFFORT.processes * (2 if index == 0 else 1)):
                    with watch.of(f"{backend}, timed"):
                        _timed(open_runner, row.ready.artifact, subject)
        for precision in PRECISIONS:
            with watch.of(f"in {precision}"):
                variant(precision, subject.plan, settings, silent)
    return watch.seconds


def _opener(backend, home, request, on, scratch) -> Callable[[], Runner]:  # type: ignore[no-untyped-def]
    [(threads, cpus)] = _cpus(Timing(request, on)).items()

    def opened() -> Runner:
        with confined(cpus):
            return Runner(
                backend, home, request.timeout, Silent(), scratch,
                variables=thread_variables(threads),
            )  # fmt: skip

    return opened


def _timed(open_runner: Callable[[], Runner], artifact, subject: Subject) -> None:  # type: ignore[no-untyped-def]
    """One process: cold, warmed up, and its share of the seconds of measuring."""
    begun = time.perf_counter()
    with open_runner() as runner:
        process = start(runner, begun, artifact, subject.plan.inputs()[0], Meters((), ()))
        process.block(EFFORT.seconds / EFFORT.processes)


if __name__ == "__main__":
    main(
        "audit", needed, aim=AIM, on=",".join(USUAL), options=("-o", "out"),
        fine=lambda _, folder: (folder / "out" / "audit.json").exists(),
    )  # fmt: skip
