"""The model in fewer bits, by ONNX Runtime's own tools, graded where they run: on its processor.

Effective bits are counted against the float64 truth of the float32 model, so that they say what is
lost by going there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.backends import Backend
from interop.checks.held import hold
from interop.checks.lineup import Lineup
from interop.conversion import provide_for
from interop.errors import InteropError
from interop.parity.verdict.grade import grade
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


def variants(
    plan: Plan, seed: int, timeout: float, scratch: Path, progress: Progress
) -> Iterator[Variant]:
    """Each precision made, run on the inputs of `plan` and held against its truth, which is there
    already. int8-static is calibrated on those inputs, too."""
    home = provide_for("onnx", None, progress)
    for precision in PRECISIONS:
        path = scratch / f"{precision}.onnx"
        with progress.stage(f"in {precision}"):
            try:
                with Worker(home.interpreter, MAKER, label="onnx", timeout=timeout) as maker:
                    made = maker.call(
                        "make_variant", model=str(plan.canonical), path=str(path),
                        precision=precision, calibration=plan.inputs(),
                    )  # fmt: skip
            except InteropError as error:
                yield Variant(precision, None, None, None, error.message, error.hint)
                continue
            yield _graded(precision, path, made["bytes"], plan, timeout, scratch, progress)


def _graded(
    precision: str, path: Path, size: int, plan: Plan, timeout: float, scratch: Path,
    progress: Progress,
) -> Variant:  # fmt: skip
    folder = scratch / f"runs-{precision}"
    narrow = Plan(path, plan.signature, plan.sets, plan.folder)
    with Lineup((RUNS_ON,), timeout, folder, progress, None) as lineup:
        lineup.begin(narrow)
        (attempt,) = lineup.attempts(narrow)
    if attempt.error is not None:
        hint = attempt.error.hint if isinstance(attempt.error, InteropError) else ""
        return Variant(precision, size, None, None, str(attempt.error), hint)
    found = grade(hold(plan, [attempt], ()).sides[0])
    return Variant(precision, size, found.effective_bits, found.letter, found.sentence)
