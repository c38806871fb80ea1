"""Who may have a figure: a backend that computes what the model computes, graded in this same build."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from interop import conversion, proof
from interop.backends import Backend, Runner
from interop.backends.artifacts import Built
from interop.checks.attempts import Attempt
from interop.checks.drawn import random_nodes
from interop.checks.held import hold
from interop.checks.homes import Homes
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
    """What the processes of one backend load, and where."""

    home: Environment
    artifact: Built


@dataclass(frozen=True)
class Graded:
    """One backend. why: what keeps it from being measured, or empty, and `hint` what to do about it;
    exit_code: what that alone would end a command with.

    outputs: folders of what it gave, one a set of inputs, as long as they are there; accuracy: what
    an audit with labels says of them.

    version: of what ran it; bytes: of what has to be shipped; convert: seconds that making that took,
    None where the backend takes the model as it is. ready: None where it was not brought so far, or
    in another run.
    """

    why: str = ""
    hint: str = ""
    exit_code: int = 0
    grade: dict[str, Any] | None = None
    version: str = ""
    bytes: int | None = None
    convert: float | None = None
    ready: Ready | None = None
    outputs: tuple[str, ...] = ()
    accuracy: dict[str, Any] | None = None

    @property
    def passes(self) -> bool:
        return not self.why

    def to_json(self) -> dict[str, Any]:
        return {"passes": self.passes, "why": self.why, "grade": self.grade}


@dataclass(frozen=True)
class Settings:
    """timeout: seconds that one step of a worker may take; seed: of the floor's perturbations;
    scratch: a folder for what is converted; sizes: folders of inputs of other sizes, which it is
    going to be timed on."""

    timeout: float
    seed: int
    scratch: Path
    sizes: tuple[str, ...] = ()


def check_gradable(plan: proof.Plan) -> None:
    """Raise UsageError for a model that draws random numbers."""
    drawing = random_nodes(onnx.load(plan.canonical, load_external_data=False))
    if drawing:
        raise UsageError(
            f"{drawing[0]} draws random numbers: its parity cannot be graded run by run, and without "
            "parity there are no figures",
            hint="`interop check` compares distributions; time a part of it that draws none.",
        )


def find_truth(plan: proof.Plan, settings: Settings, progress: Progress) -> None:
    """Run the float64 truth and the floor on the inputs of `plan`: what each grade is held against."""
    home = conversion.provide_for("onnx", None, progress)
    model, inputs = str(plan.canonical), plan.inputs()
    guest, timeout = known()["onnx"].guest, settings.timeout
    with (
        progress.stage("float64 truth and floor"),
        Worker(home.interpreter, guest, label="onnx", timeout=timeout) as checker,
    ):
        checker.call("truth", model=model, inputs=inputs, outputs=plan.outputs("truth"))
        checker.call(
            "floor_runs", model=model, inputs=inputs, outputs=plan.outputs("floor"),
            seed=settings.seed, runs=FLOOR_RUNS, truth=plan.outputs("truth"),
        )  # fmt: skip


def grade_on(
    backend: Backend, plan: proof.Plan, homes: Homes, settings: Settings, progress: Progress
) -> Graded:
    """Make the model ready for `backend`, run it there on the inputs of `plan`, and hold it against
    the truth, which is there already, as `interop check` does. Whatever goes wrong is the row.

    One worker builds, one runs what lies on disk; both have ended when this returns.
    """
    row, name = Graded(), str(backend)
    outputs = plan.outputs(re.sub(r"\W", "-", name))
    try:
        with progress.stage(f"run on {name}"):
            home = homes.of(backend)
            row = replace(row, version=home.version)
            with _runner(backend, home, settings, progress) as runner:
                row = _converted(row, backend, runner, plan, settings)
                assert row.ready is not None
                runner.load_built(row.ready.artifact)
                runner.run(plan.inputs(), outputs)
        attempt = Attempt(name, "backend", tuple(outputs), backend.place.framework)
        given = grade(hold(plan, [attempt], ()).sides[0])
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is a row, and not the end
        return failed(error, row)
    row = replace(row, grade=given.to_json(), outputs=tuple(outputs))
    if given.passes:
        return row
    why = f"parity failed, grade {given.letter}: {given.sentence}"
    return replace(row, why=why, exit_code=ParityFailed.exit_code)


def made_ready(
    backend: Backend, row: Graded, plan: proof.Plan, homes: Homes, settings: Settings,
    progress: Progress,
) -> Graded:  # fmt: skip
    """`row`, which was graded in another run, with what its processes load."""
    try:
        home = homes.of(backend)
        with _runner(backend, home, settings, progress) as runner:
            made = _converted(row, backend, runner, plan, settings)
    except Exception as error:  # noqa: BLE001 - as above
        return failed(error, row)
    return replace(row, ready=made.ready)


def failed(error: Exception, row: Graded) -> Graded:
    """`row`, which ended in `error`."""
    if isinstance(error, InteropError):
        return replace(row, why=error.message, hint=error.hint, exit_code=error.exit_code)
    return replace(row, why=f"{type(error).__name__}: {error}", exit_code=1)


def _runner(backend: Backend, home: Environment, settings: Settings, progress: Progress) -> Runner:
    return Runner(backend, home, settings.timeout, progress, settings.scratch)


def _converted(
    row: Graded, backend: Backend, runner: Runner, plan: proof.Plan, settings: Settings
) -> Graded:
    start = time.perf_counter()
    artifact = runner.build(plan.canonical, calibration=[*plan.inputs(), *settings.sizes])
    seconds = None if artifact.path.parent == plan.canonical.parent else time.perf_counter() - start
    size_of = shipped_bytes(artifact.path, backend)
    return replace(row, bytes=size_of, convert=seconds, ready=Ready(runner.home, artifact))


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
