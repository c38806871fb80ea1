"""One row a backend: the grade of a deployment path, its reasons, and the next step for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interop.backends import Backend
from interop.bench.grading import Graded
from interop.errors import EnvironmentUnavailable, UnsupportedOperator
from interop.parity.verdict.grade import rank


@dataclass(frozen=True)
class Way:
    """grade is None where it could not be run; `unavailable`: this machine lacks it. latency: as the
    bench has it, in seconds, None where it has no figure; accuracy: where labels are given."""

    backend: str
    title: str
    version: str
    grade: str | None
    passes: bool
    verdict: str | None
    effective_bits: float | None
    sentence: str
    next_steps: tuple[str, ...]
    unavailable: bool
    exit_code: int
    bytes: int | None
    latency: Mapping[str, Any] | None
    accuracy: Mapping[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "next_steps": list(self.next_steps)}


def way(
    model: str, backend: Backend, graded: Graded, timing: Mapping[str, Any] | None, reference: str
) -> Way:
    """The row of `backend`; `timing` is its contender of the bench's record, `reference` the one
    whose ratios are 1."""
    found = graded.grade
    why = graded.why or (timing or {}).get("why", "")
    exit_code = graded.exit_code or int((timing or {}).get("exit_code", 0))
    unavailable = exit_code == EnvironmentUnavailable.exit_code
    return Way(
        backend=str(backend),
        title=backend.row.title,
        version=graded.version,
        grade=None if found is None else found["letter"],
        passes=found is not None and bool(found["passes"]) and not exit_code,
        verdict=None if found is None else found["verdict"],
        effective_bits=None if found is None else found["effective_bits"],
        sentence=why if found is None or exit_code else found["sentence"],
        next_steps=_steps(model, backend, graded, unavailable),
        unavailable=unavailable,
        exit_code=exit_code,
        bytes=graded.bytes,
        latency=_latency(timing, reference),
        accuracy=graded.accuracy,
    )


def ranked(ways: list[Way]) -> tuple[Way, ...]:
    """Best first: by grade, then by latency."""

    def place(one: Way) -> tuple[bool, int, float]:
        seconds = one.latency["median"] if one.latency else float("inf")
        return not one.passes, rank(one.grade), seconds

    return tuple(sorted(ways, key=place))


def _steps(model: str, backend: Backend, graded: Graded, unavailable: bool) -> tuple[str, ...]:
    steps = [graded.hint] if graded.hint else []
    if graded.exit_code == UnsupportedOperator.exit_code:
        steps.append(
            f"`interop routes {backend.place.framework}` says what is limited on the way there."
        )
    if graded.grade is not None and not graded.grade["passes"]:
        steps.append(f"`interop bisect {model} --on {backend}` names the node that is at fault.")
    if not unavailable and graded.grade is None and not steps:
        steps.append("Run it again with --verbose to see what the framework says.")
    return tuple(steps)


def _latency(timing: Mapping[str, Any] | None, reference: str) -> dict[str, Any] | None:
    if timing is None or timing["percentiles"] is None:
        return None
    ratio = timing["ratio"] or {"ratio": 1.0, "low": 1.0, "high": 1.0, "verdict": "reference"}
    return {
        "median": timing["median"],
        "percentiles": timing["percentiles"],
        "over": reference,
        "ratio": ratio["ratio"],
        "low": ratio["low"],
        "high": ratio["high"],
        "verdict": ratio["verdict"],
        "is_reference": timing["ratio"] is None,
        "cold": timing["cold"],
        "runs": timing["runs"],
        "items_per_second": timing["items_per_second"],
        "peak_memory_bytes": timing["peak_memory_bytes"],
    }
