"""Who may have a figure: a backend that computes what the model computes, graded in this same build."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interop import conversion, proof
from interop.backends import Backend, open_runner
from interop.backends.artifacts import Built
from interop.bench.subject import Subject
from interop.environments import Environment
from interop.errors import InteropError
from interop.frameworks import known
from interop.output import size
from interop.parity.grade import grade
from interop.parity.proof import OutputProof, prove
from interop.progress import Progress
from interop.workers import Worker
from interop.workers.tensors import read_tensors

if TYPE_CHECKING:
    from interop.bench.run import Request


@dataclass(frozen=True)
class Graded:
    """One backend. why: what keeps it from being measured, or empty.

    artifact: what its processes load, of `bytes` bytes; convert: seconds that making it took, None
    where the backend takes the model as it is.
    """

    why: str
    grade: dict[str, Any] | None = None
    home: Environment | None = None
    artifact: Built | None = None
    bytes: int = 0
    convert: float | None = None

    @property
    def passes(self) -> bool:
        return not self.why

    def to_json(self) -> dict[str, Any]:
        return {"passes": self.passes, "why": self.why, "grade": self.grade}


def grade_all(
    subject: Subject, request: Request, scratch: Path, progress: Progress
) -> dict[Backend, Graded]:
    """Run each backend of `request` on the inputs of `subject` and hold it against the float64 truth.

    What goes wrong with one is its own row.
    """
    with progress.stage("float64 truth and noise floor"):
        _find_truth(subject.plan, request.model.timeout, request.model.seed, progress)
    return {
        backend: _graded(subject, backend, request.model.timeout, scratch, progress)
        for backend in request.on
    }


def _find_truth(plan: proof.Plan, timeout: float, seed: int, progress: Progress) -> None:
    home = conversion.provide_for("onnx", None, progress)
    model, inputs = str(plan.canonical), plan.inputs()
    with Worker(home.interpreter, known()["onnx"].guest, label="onnx", timeout=timeout) as checker:
        checker.call("truth", model=model, inputs=inputs, outputs=plan.outputs("truth"))
        checker.call(
            "floor_runs", model=model, inputs=inputs, outputs=plan.outputs("floor"), seed=seed,
            runs=proof.FLOOR_RUNS,
        )  # fmt: skip


def _graded(
    subject: Subject, backend: Backend, timeout: float, scratch: Path, progress: Progress
) -> Graded:
    plan, folder = subject.plan, scratch / "outputs" / str(backend).replace(":", "-")
    outputs = [str(folder / str(index)) for index in range(len(plan.sets))]
    try:
        with (
            progress.stage(f"parity of {backend}"),
            open_runner(backend, timeout=timeout, progress=progress, scratch=scratch) as runner,
        ):
            start = time.perf_counter()
            artifact = runner.build(subject.canonical, calibration=plan.inputs())
            convert = None if backend.row.takes_onnx else time.perf_counter() - start
            runner.load_built(artifact)
            runner.run(plan.inputs(), outputs)
    except InteropError as error:
        return Graded(error.message)
    found = grade(_proofs(plan, outputs))
    why = "" if found.passes else f"parity failed, grade {found.letter}: {found.sentence}"
    return Graded(
        why, found.to_json(), runner.home, artifact, shipped_bytes(artifact.path, backend), convert
    )


def _proofs(plan: proof.Plan, outputs: Sequence[str]) -> list[OutputProof]:
    found: list[OutputProof] = []
    for index, folder in enumerate(outputs):
        truth, noise = proof.yardstick(plan, index)
        given = read_tensors(folder)
        found += prove(plan.sets[index].label, truth, given, given, noise)
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
