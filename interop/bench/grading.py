"""Who may have a figure: a backend that computes what the model computes, graded in this same build."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from interop import conversion, proof
from interop.backends import Backend, Runner
from interop.backends.artifacts import Built
from interop.backends.runner import find_home
from interop.checks.drawn import random_nodes
from interop.checks.held import hold
from interop.checks.lineup import Lineup
from interop.environments import Environment
from interop.errors import InteropError, ParityFailed, UsageError
from interop.floors import FLOOR_RUNS
from interop.frameworks import known
from interop.output import size
from interop.parity.verdict.grade import grade
from interop.progress import Progress
from interop.workers import Worker


@dataclass(frozen=True)
class Ready:
    """What the processes of one backend load, `bytes` of it to be shipped, and where.

    convert: seconds that making it took; None where the backend takes the model as it is.
    """

    home: Environment
    artifact: Built
    bytes: int
    convert: float | None


@dataclass(frozen=True)
class Graded:
    """One backend. why: what keeps it from being measured, or empty, and `hint` what to do about it;
    exit_code: what that alone would end a command with."""

    why: str = ""
    hint: str = ""
    exit_code: int = 0
    grade: dict[str, Any] | None = None
    ready: Ready | None = None

    @property
    def passes(self) -> bool:
        return not self.why

    def to_json(self) -> dict[str, Any]:
        return {"passes": self.passes, "why": self.why, "grade": self.grade}


def grade_all(
    plan: proof.Plan, on: tuple[Backend, ...], timeout: float, seed: int, scratch: Path,
    progress: Progress,
) -> dict[Backend, Graded]:  # fmt: skip
    """Make the model ready for each backend of `on`, run it there on the inputs of `plan`, and hold it
    against the float64 truth, as `interop check` does. What goes wrong with one is its own row.

    Raises UsageError for a model that draws random numbers.
    """
    drawing = random_nodes(onnx.load(plan.canonical, load_external_data=False))
    if drawing:
        raise UsageError(
            f"{drawing[0]} draws random numbers: its parity cannot be graded run by run, and without "
            "parity there are no figures",
            hint="`interop check` compares distributions; time a part of it that draws none.",
        )
    _find_truth(plan, timeout, seed, progress)
    rows = {backend: _made(plan, backend, timeout, scratch, progress) for backend in on}
    return rows | _held(
        plan, {b: r for b, r in rows.items() if r.passes}, timeout, scratch, progress
    )


def _find_truth(plan: proof.Plan, timeout: float, seed: int, progress: Progress) -> None:
    home = conversion.provide_for("onnx", None, progress)
    model, inputs = str(plan.canonical), plan.inputs()
    with (
        progress.stage("float64 truth and floor"),
        Worker(home.interpreter, known()["onnx"].guest, label="onnx", timeout=timeout) as checker,
    ):
        checker.call("truth", model=model, inputs=inputs, outputs=plan.outputs("truth"))
        checker.call(
            "floor_runs", model=model, inputs=inputs, outputs=plan.outputs("floor"), seed=seed,
            runs=FLOOR_RUNS, truth=plan.outputs("truth"),
        )  # fmt: skip


def _made(
    plan: proof.Plan, backend: Backend, timeout: float, scratch: Path, progress: Progress
) -> Graded:
    """Convert the model for `backend`, where that has to be, and say how long it took."""
    try:
        home = find_home(backend, progress)
        with Runner(backend, home, timeout, progress, scratch) as runner:
            start = time.perf_counter()
            artifact = runner.build(plan.canonical, calibration=plan.inputs())
            seconds = None if backend.row.takes_onnx else time.perf_counter() - start
    except InteropError as error:
        return Graded(error.message, error.hint, error.exit_code)
    ready = Ready(home, artifact, shipped_bytes(artifact.path, backend), seconds)
    return Graded(ready=ready)


def _held(
    plan: proof.Plan,
    made: Mapping[Backend, Graded],
    timeout: float,
    scratch: Path,
    progress: Progress,
) -> dict[Backend, Graded]:
    with Lineup(tuple(made), timeout, scratch, progress, None) as lineup:
        lineup.begin(plan)
        attempts = list(lineup.attempts(plan))
    found = {}
    for attempt, (backend, row), held in zip(
        attempts, made.items(), hold(plan, attempts, ()).sides, strict=True
    ):
        if attempt.error is not None:
            hint = attempt.error.hint if isinstance(attempt.error, InteropError) else ""
            why, code = str(attempt.error), attempt.exit_code
            found[backend] = replace(row, why=why, hint=hint, exit_code=code)
            continue
        given = grade(held)
        row = replace(row, grade=given.to_json())
        if not given.passes:
            why = f"parity failed, grade {given.letter}: {given.sentence}"
            row = replace(row, why=why, exit_code=ParityFailed.exit_code)
        found[backend] = row
    return found


def shipped_bytes(artifact: Path, backend: Backend) -> int:
    """Bytes of what has to be shipped for `artifact` to be run: itself, and what lies beside it but is
    neither source nor ours."""
    if backend.row.takes_onnx:
        beside = artifact.with_name(f"{artifact.name}.data")
        return sum(size(path) for path in (artifact, beside) if path.exists())
    kind = known()[backend.place.framework].kind
    assert kind is not None
    ours = {"dialect.json", "calibration"}
    if kind.source != kind.artifact and artifact.exists():
        ours |= {kind.source, "weights.safetensors"}
    return sum(size(path) for path in artifact.parent.iterdir() if path.name not in ours)
