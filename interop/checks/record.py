"""The JSON document that a check ends in: what ran where, on what, and what came of it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from interop.backends import parse
from interop.checks.aspects import ASPECTS, Aspects, all_of, error_json, exit_code_of
from interop.checks.attempts import Attempt
from interop.checks.drawn import Drawn
from interop.checks.held import Findings, Held
from interop.checks.request import CheckRequest
from interop.conversion import Export
from interop.environments import Environment
from interop.errors import ParityFailed
from interop.output import digest
from interop.parity.verdict.grade import grade
from interop.proof import Plan
from interop.record import host_versions, machine
from interop.reference import ModelReference

#: Raised when a key changes its meaning or goes away; new keys alone do not raise it.
SCHEMA_VERSION = 1


def check_record(
    request: CheckRequest,
    reference: ModelReference,
    home: Environment,
    made: Export,
    plan: Plan,
    attempts: Sequence[Attempt],
    found: Findings | Sequence[Sequence[Drawn]],
    aspects: Aspects,
    drawing: Sequence[str],
    seconds: dict[str, float],
    memory: dict[str, int],
) -> dict[str, Any]:
    """The document; every value is of a JSON type. `drawing`: nodes that draw random numbers.

    An aspect that was not looked at is null.
    """
    if isinstance(found, Findings):
        rows = [_held_row(*pair) for pair in zip(attempts, found.sides, strict=True)]
        floors = [floor.to_json() for floor in found.floors]
        written_out = list(found.written_out)
    else:
        rows = [_drawn_row(*pair) for pair in zip(attempts, found, strict=True)]
        floors, written_out = [], []
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "check",
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "passes": all(row["passes"] for row in rows)
        and all(one.passes is not False for one in all_of(aspects)),
        "exit_code": _exit_code(rows, attempts, aspects),
        "model": {
            "reference": reference.text,
            "framework": home.framework,
            "version": home.version,
            "sha256": None if reference.path is None else digest(reference.path),
            "onnx_sha256": digest(made.source.onnx),
        },
        "signature": made.signature.to_json(),
        "seed": request.model.seed,
        "inputs": [one.to_json() for one in plan.sets],
        "wide": None if plan.wide is None else plan.wide.to_json(),
        "against": None if request.against is None else str(request.against),
        "random_nodes": list(drawing),
        "rows": rows,
        **{
            name: [one.to_json() for one in aspects[name]] if name in aspects else None
            for name in ASPECTS
        },
        "floors": floors,
        "truth": {"written_out": written_out},
        "seconds": seconds,
        "peak_memory_bytes": {"checker": memory["checker"]},
        "versions": host_versions(),
        "machine": machine(),
    }


def _exit_code(
    rows: Sequence[dict[str, Any]], attempts: Sequence[Attempt], aspects: Aspects
) -> int:
    """3 where any side computes something else; else that of the first side that has an error."""
    different = any(not row["passes"] and row["error"] is None for row in rows)
    if different or any(one.passes is False and one.error is None for one in all_of(aspects)):
        return ParityFailed.exit_code
    errors = [one.error for one in attempts] + [one.error for one in all_of(aspects)]
    return next((exit_code_of(error) for error in errors if error is not None), 0)


def _common(attempt: Attempt) -> dict[str, Any]:
    backend = parse(attempt.label) if attempt.kind == "backend" else None
    error = None if attempt.error is None else error_json(attempt.error)
    return {
        "label": attempt.label,
        "kind": attempt.kind,
        "backend": backend and {
            "runtime": backend.runtime,
            "device": backend.device,
            "precision": backend.runs_in,
        },
        "framework": attempt.framework,
        "version": attempt.version,
        "passes": False,
        "grade": None,
        "verdict": None,
        "effective_bits": None,
        "bits": None,
        "output": None,
        "inputs": None,
        "against": None,
        "sentence": None if error is None else error["message"],
        "reason": None,
        "error": error,
        "seconds": attempt.seconds,
        "peak_memory_bytes": attempt.peak_memory,
        "placement": attempt.facts.get("placement"),
        "copies": attempt.facts.get("copies"),
        "notes": list(attempt.notes),
        "comparisons": [],
    }  # fmt: skip


def _held_row(attempt: Attempt, held: Sequence[Held]) -> dict[str, Any]:
    row = _common(attempt)
    if attempt.error is not None:
        return row
    found = grade(held)
    key = (found.output, found.inputs, found.verdict, found.effective_bits)
    worst = next(one for one in held if _of(one) == key)
    return {
        **row,
        "passes": found.passes,
        "grade": found.letter,
        "verdict": found.verdict.word,
        "effective_bits": found.effective_bits,
        "output": found.output,
        "inputs": found.inputs,
        "bits": worst.worst.bits,
        "against": worst.against,
        "sentence": found.sentence,
        "reason": worst.worst.reason,
        "comparisons": [one.to_json() for one in held],
    }


def _of(one: Held) -> tuple[object, ...]:
    return one.name, one.inputs, one.worst.verdict, one.worst.effective_bits


def _drawn_row(attempt: Attempt, drawn: Sequence[Drawn]) -> dict[str, Any]:
    """The model itself is what the others are held against, so it has nothing to fail."""
    row = _common(attempt)
    if attempt.error is not None:
        return row
    if not drawn:
        return {**row, "passes": True, "sentence": "The others are held against its distributions."}
    worst = min(drawn, key=lambda one: (one.passes, 1.0 if one.p is None else one.p))
    return {
        **row,
        "passes": worst.passes,
        "verdict": worst.verdict,
        "output": worst.name,
        "against": worst.against,
        "sentence": f"Output {worst.name!r}: {worst.reason}.",
        "reason": worst.reason,
        "comparisons": [one.to_json() for one in drawn],
    }
