"""The model in fewer bits, graded where it runs on a processor: bfloat16 in PyTorch, as ONNX Runtime has
few kernels for it; the rest is made by ONNX Runtime's own tools, and runs there.

Effective bits are counted against the float64 truth of the float32 model, so that they say what is
lost by going there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from interop.audit.accuracy import accuracy
from interop.backends import Backend
from interop.backends.typed import MAKER, make
from interop.bench.grading import Settings, grade_on, shipped_bytes
from interop.checks.homes import Homes
from interop.checks.labels import Labels
from interop.conversion import provide_for
from interop.errors import InteropError
from interop.progress import Progress
from interop.proof import Plan
from interop.workers import Worker

_ORT, _TORCH = Backend("onnxruntime"), Backend("torch")

#: What is tried, in order, and where.
PRECISIONS = {"fp16": _ORT, "bf16": _TORCH, "int8-dynamic": _ORT, "int8-static": _ORT}


@dataclass(frozen=True)
class Variant:
    """effective_bits and bytes are None where it could not be made or run; `sentence` says why.
    accuracy: as of a backend."""

    precision: str
    bytes: int | None
    effective_bits: float | None
    grade: str | None
    sentence: str
    next_step: str = ""
    accuracy: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def variant(
    precision: str, plan: Plan, settings: Settings, progress: Progress,
    labels: Labels | None = None,
) -> Variant:  # fmt: skip
    """The model made in that precision, run on the inputs of `plan` and held against its truth, which
    is there already. int8-static is calibrated on those inputs, too. Whatever goes wrong is in it."""
    backend, path = PRECISIONS[precision], settings.scratch / f"{precision}.onnx"

    def maker() -> Worker:
        home = provide_for("onnx", None, progress)
        return Worker(home.interpreter, MAKER, label="onnx", timeout=settings.timeout)

    with progress.stage(f"in {precision}"):
        try:
            make(plan.canonical, path, precision, plan.inputs(), maker)
        except InteropError as error:
            return Variant(precision, None, None, None, error.message, error.hint)
        narrow = replace(plan, canonical=path)
        row = grade_on(backend, narrow, Homes((backend,), progress), settings, progress)
    size = shipped_bytes(path, _ORT)
    if row.grade is None:
        return Variant(precision, size, None, None, row.why, row.hint)
    found = row.grade
    return Variant(
        precision, size, found["effective_bits"], found["letter"], found["sentence"],
        accuracy=None if labels is None else accuracy(plan, labels, row.outputs).to_json(),
    )  # fmt: skip
