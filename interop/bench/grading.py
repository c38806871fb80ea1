"""Who may have a figure: a backend that computes what the model computes, graded in this same build."""

from __future__ import annotations

import time
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
from interop.parity.noise import measure_noise
from interop.parity.proof import OutputProof, prove
from interop.progress import Progress
from interop.workers import Worker
from interop.workers.tensors import read_tensors

if TYPE_CHECKING:
    from interop.bench.run import Request

SETS = 2


@dataclass(frozen=True)
class Graded:
    """One backend. why: what keeps it from being measured, or empty.

    artifact: what its processes load, of `bytes` bytes; convert: seconds that making it took, None
    where the backend takes the model as it is.
    """

    passes: bool
    why: str
    grade: dict[str, Any] | None
    home: Environment | None = None
    artifact: Built | None = None
    bytes: int = 0
    convert: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {"passes": self.passes, "why": self.why, "grade": self.grade}


def grade_all(
    subject: Subject, request: Request, scratch: Path, progress: Progress
) -> dict[Backend, Graded]:
    plan = proof.plan(
        subject.canonical, subject.signature, subject.reference.architecture, request.model,
        scratch / "parity",
    )  # fmt: skip
    timeout = request.model.timeout
    home = conversion.provide_for("onnx", None, progress)
    n = min(SETS, len(plan.sets))
    with (
        progress.stage("truth and noise floor"),
        Worker(home.interpreter, known()["onnx"].guest, label="onnx", timeout=timeout) as checker,
    ):
        ins = plan.inputs()[:n]
        checker.call(
            "truth", model=str(subject.canonical), inputs=ins, outputs=plan.outputs("truth")[:n]
        )
        checker.call(
            "floor_runs",
            model=str(subject.canonical),
            inputs=ins,
            outputs=plan.outputs("floor")[:n],
            runs=proof.FLOOR_RUNS,
        )
    out = {}
    for number, backend in enumerate(request.on):
        try:
            with (
                progress.stage(f"parity of {backend}"),
                open_runner(backend, timeout=timeout, progress=progress, scratch=scratch) as runner,
            ):
                start = time.perf_counter()
                artifact = runner.build(subject.canonical)
                seconds = None if backend.row.takes_onnx else time.perf_counter() - start
                runner.load_built(artifact)
                outs = [str(scratch / f"outputs-{number}" / str(i)) for i in range(n)]
                runner.run(ins, outs)
                proofs: list[OutputProof] = []
                for i in range(n):
                    truth = read_tensors(plan.outputs("truth")[i])
                    runs = [
                        read_tensors(Path(plan.outputs("floor")[i]) / str(k))
                        for k in range(proof.FLOOR_RUNS + 1)
                    ]
                    noise = {m: measure_noise(truth[m], [r[m] for r in runs]) for m in truth}
                    got = read_tensors(outs[i])
                    proofs += prove(plan.sets[i].label, truth, got, got, noise)
                g = grade(proofs)
            why = "" if g.passes else f"parity failed: grade {g.letter}"
            out[backend] = Graded(
                g.passes, why, g.to_json(), runner.home, artifact, size(artifact.path), seconds
            )
        except InteropError as error:
            out[backend] = Graded(False, error.message, None)
    return out
