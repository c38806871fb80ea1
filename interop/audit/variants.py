"""The model in fewer bits, by ONNX Runtime's own tools, graded where they run: on its processor.

Effective bits are counted against the float64 truth of the float32 model, so that they say what is
lost by going there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from interop.backends import Backend
from interop.bench.grading import Settings, grade_on
from interop.checks.homes import Homes
from interop.conversion import provide_for
from interop.errors import InteropError
from interop.progress import Progress
from interop.proof import Plan
from interop.workers import Worker

MAKER = "interop.converters.onnxruntime.variants"
RUNS_ON = Backend("onnxruntime", None, "cpu", None)

#: What is tried, in order.
PRECISIONS = ("fp16", "int8-dynamic", "int8-static")


@dataclass(frozen=True)
class Variant:
    """effective_bits and bytes are None where it could not be made or run; `sentence` says why."""

    precision: str
    bytes: int | None
    effective_bits: float | None
    grade: str | None
    sentence: str
    next_step: str = ""

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def variant(precision: str, plan: Plan, settings: Settings, progress: Progress) -> Variant:
    """The model made in that precision, run on the inputs of `plan` and held against its truth, which
    is there already. int8-static is calibrated on those inputs, too. Whatever goes wrong is in it."""
    path = settings.scratch / f"{precision}.onnx"
    with progress.stage(f"in {precision}"):
        try:
            home = provide_for("onnx", None, progress)
            with Worker(home.interpreter, MAKER, label="onnx", timeout=settings.timeout) as maker:
                made = maker.call(
                    "make_variant", model=str(plan.canonical), path=str(path),
                    precision=precision, calibration=plan.inputs(),
                )  # fmt: skip
        except InteropError as error:
            return Variant(precision, None, None, None, error.message, error.hint)
        narrow = replace(plan, canonical=path)
        row = grade_on(RUNS_ON, narrow, Homes((RUNS_ON,), progress), settings, progress)
    if row.grade is None:
        return Variant(precision, made["bytes"], None, None, row.why, row.hint)
    found = row.grade
    return Variant(
        precision, made["bytes"], found["effective_bits"], found["letter"], found["sentence"]
    )
