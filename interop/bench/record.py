"""The document of a bench. What is said of the contenders is computed here, from their runs alone."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from interop.backends import Backend
from interop.bench import percentiles, warmup
from interop.bench.clocks import Clock
from interop.bench.energy import Meters
from interop.bench.grading import Graded
from interop.bench.intervals import CONFIDENCE, RESAMPLES, UNCLEAR, Ratio, compare, resolution_of
from interop.bench.machine import Machine, complaints, share_of_others, spread
from interop.bench.measure import Measured, Outcome
from interop.bench.subject import Subject, items_in
from interop.errors import InteropError, ParityFailed
from interop.output import digest, size
from interop.record import host_versions

if TYPE_CHECKING:
    from interop.bench.run import Noise, Request

#: Raised when a key changes its meaning or goes away; new keys alone do not raise it.
SCHEMA_VERSION = 1

#: The first contender runs twice, under its name and this: what it differs from itself by is nothing.
AGAIN = " (again)"

#: Nanoseconds, to which the clock is read; more digits would be noise in the record.
_DIGITS = 9


@dataclass(frozen=True)
class Point:
    """What came of all contenders with one batch (None: the usual) and number of threads.

    outcomes: by name; those whose parity failed have none. shapes: of the inputs.
    """

    batch: int | None
    threads: int
    cpus: tuple[int, ...]
    clock: Clock
    shapes: Mapping[str, list[int]]
    outcomes: Mapping[str, Outcome]


def bench_record(
    request: Request,
    subject: Subject,
    here: Machine,
    noise: Noise,
    graded: Mapping[Backend, Graded],
    points: Sequence[Point],
    meters: Meters,
) -> dict[str, Any]:
    """The document that is written to bench.json; every value is of a JSON type."""
    share = share_of_others(noise.before, noise.after)
    beats = [beat for one in noise.beats for beat in one]
    shown = [_point(point, graded) for point in points]
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "bench",
        "exit_code": _exit_code(shown),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "model": {
            "reference": subject.reference.text,
            "onnx_sha256": digest(subject.canonical),
            "bytes": size(subject.canonical),
        },
        "machine": here.to_json(),
        "noise": {
            "share_of_others": share,
            "calibration_spread": spread(beats) if beats else None,
            "warnings": complaints(here, beats, share),
        },
        "settings": {
            "processes": request.effort.processes,
            "seconds": request.effort.seconds,
            "seed": request.effort.seed,
        },
        "rules": rules(),
        "grades": {str(backend): one.to_json() for backend, one in graded.items()},
        "points": shown,
        "versions": {
            **host_versions(),
            **{str(b): one.version for b, one in graded.items() if one.version},
        },
        "notes": [*subject.notes, *meters.absent],
    }


def rules() -> dict[str, str]:
    """How the figures were made, in sentences, for who reads them without us."""
    needs = ", ".join(f"{percentiles.needed(p)} for p{p}" for p in percentiles.PERCENTILES)
    return {
        "parity": "Who does not compute what the model computes, to within rounding, has no figures.",
        "ratio": "A ratio is the median over all pairs of blocks that ran side by side; so it need not "
        "be the ratio of the p50s.",
        "interval": f"Its interval ({CONFIDENCE:.0%}) is a bootstrap over processes, in them over "
        f"blocks, and in those over runs ({RESAMPLES} resamples), stretched for the few processes.",
        "tie": "A tie: the interval holds 1, or the first contender differs as much from itself.",
        "unclear": f"Unclear: the interval holds 1 and {UNCLEAR:g} times, too; repeat it on a quieter "
        "machine.",
        "percentiles": f"A percentile needs {percentiles.BEYOND} runs beyond it: {needs}.",
        "warm_up": f"Warmed up: the medians of {warmup.CALM} windows of {warmup.WINDOW} runs in a row "
        f"are no more than {warmup.FALL:.0%} below the lowest before; given up after "
        f"{warmup.LIMIT:g} s.",
        "convert": "'convert' is once for all processes, that of the framework which does it included; "
        "'load' is of each: interpreter, framework and model; then the first run.",
    }


def _exit_code(points: Sequence[dict[str, Any]]) -> int:
    """3 where the parity of any failed; else that of the first row that has an error."""
    codes = [row["exit_code"] for point in points for row in point["contenders"]]
    failed = ParityFailed.exit_code
    return failed if failed in codes else next((code for code in codes if code), 0)


def _point(point: Point, graded: Mapping[Backend, Graded]) -> dict[str, Any]:
    seen = {name: one for name, one in point.outcomes.items() if isinstance(one, Measured)}
    names = [str(backend) for backend in graded]
    reference = next((name for name in names if name in seen), None)
    null = None
    if reference is not None and reference + AGAIN in seen:
        null = compare(seen[reference].times, seen[reference + AGAIN].times)
    limit = 0.0 if null is None else resolution_of(null)
    rows = []
    for backend, one in graded.items():
        name, ratio = str(backend), None
        if one.passes and name not in point.outcomes:
            continue  # it has no such clock
        if reference is not None and name in seen and name != reference:
            ratio = compare(seen[reference].times, seen[name].times, resolution=limit)
        rows.append(_row(name, one, point, ratio))
    return {
        "batch": point.batch,
        "threads": point.threads,
        "affinity": list(point.cpus),
        "clock": point.clock.to_json(),
        "inputs": dict(point.shapes),
        "items": items_in(point.shapes),
        "reference": reference,
        "null": None if null is None else null.to_json(),
        "resolution": limit,
        "contenders": rows,
    }


def _row(name: str, graded: Graded, point: Point, ratio: Ratio | None) -> dict[str, Any]:
    """One contender; without figures where its parity failed, or it did."""
    row: dict[str, Any] = {
        "name": name, "grade": graded.grade, "why": "", "exit_code": 0, "percentiles": None,
    }  # fmt: skip
    outcome = point.outcomes.get(name)
    if isinstance(outcome, InteropError):
        return {**row, "why": outcome.message, "exit_code": outcome.exit_code}
    if outcome is None:
        return {**row, "why": graded.why, "exit_code": graded.exit_code}
    shares = percentiles.percentiles(outcome.times)
    median, items = float(np.median(outcome.times.pooled())), items_in(point.shapes)
    return {
        **row,
        "percentiles": shares,
        "median": median,
        "ratio": None if ratio is None else ratio.to_json(),
        "items_per_second": items / median,
        "runs": len(outcome.times.pooled()),
        "peak_memory_bytes": outcome.peak_memory,
        "device_memory_bytes": outcome.device_memory,
        "model_bytes": graded.bytes,
        "joules_per_item": {meter: joules / items for meter, joules in outcome.joules.items()},
        "cores": outcome.cores,
        "cold": {
            "convert": graded.convert,
            "load": [one.load for one in outcome.cold],
            "first_run": [one.first_run for one in outcome.cold],
        },
        "warm_up": [one.to_json() for one in outcome.warm],
        "seconds": [
            [[round(run, _DIGITS) for run in block] for block in process]
            for process in outcome.times.seconds
        ],
    }
