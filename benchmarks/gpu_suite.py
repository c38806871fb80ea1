"""The zoo on the backends of a GPU: parity first, then both clocks, as one JSON document.

    benchmarks/gpu_suite.sh        # which makes an environment from the checkout, and runs this in it

Each model is held against its float64 truth on every backend, by the floor of the precision that the
backend says it computes in; then some of them are timed, host clock and device clock apart. What there
was no time for is in the document as that. It is written anew after every model, so that a run that is
ended leaves what it has seen.
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import interop
from interop import conversion
from interop.backends import parse_list
from interop.bench.machine import machine
from interop.bench.measure import Effort
from interop.bench.run import Request, run
from interop.doctor import examine_frameworks, find_gpu
from interop.environments.named import variable
from interop.errors import EnvironmentUnavailable, InteropError, ParityFailed
from interop.output import write_json_whole
from interop.record import host_versions

ROOT = Path(__file__).parents[1]
SCHEMA_VERSION = 1

#: Smallest first, so that a short run has seen most of them.
MODELS = (
    "keyword_spotter", "dlrm", "lstm_classifier", "dcgan", "resnet18", "mobilenet_v2", "bert", "vit",
    "unet", "gpt", "resnet50",
)  # fmt: skip
TIMED = ("keyword_spotter", "resnet18", "bert", "resnet50")

#: By device: where parity is graded, and what is timed. The processor's are the twins of the device's.
PARITY = {
    "cuda": "torch:cuda,torch:cuda:tf32,jax:cuda,jax:cuda:tf32,onnxruntime:cuda,onnxruntime:cuda:tf32,"
    "onnxruntime:cuda:fp16,tensorrt-rtx:cuda",
    "cpu": "torch:cpu,jax:cpu,onnxruntime:cpu,onnxruntime:cpu:fp16",
}
BENCH = {
    "cuda": "torch:cuda,torch-compile:cuda,jax:cuda,onnxruntime:cuda,onnxruntime:cuda:tf32",
    "cpu": "torch:cpu,jax:cpu,onnxruntime:cpu",
}

#: States of a framework that need nothing to be made.
READY = ("named", "running", "ready")

#: Of the seconds that there are, those that parity may take before what is timed must have its turn.
PARITY_SHARE = 0.6


@dataclass(frozen=True)
class Clock:
    """Seconds since the start, of `limit` that there are."""

    start: float
    limit: float

    def spent(self, share: float = 1.0) -> bool:
        return time.monotonic() - self.start > self.limit * share


def main() -> int:
    """0; 3 where a backend computes something else; 6 where there is no such device."""
    options = _options()
    gpu = find_gpu()
    if options.device == "cuda" and not gpu.names:
        raise EnvironmentUnavailable(
            f"this machine has no NVIDIA GPU that can be used: {gpu.reason}",
            hint="`--device cpu` runs the suite on the processor.",
        )
    clock = Clock(time.monotonic(), options.seconds)
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": "gpu_suite",
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "device": options.device,
        "gpu": {**vars(gpu)},
        "machine": machine().to_json(),
        "versions": _versions(),
        "parity": [],
        "bench": [],
        "not_run": [],
        "complete": False,
    }
    for part, result in _results(options, clock):
        document[part].append(result)
        document["seconds"] = round(time.monotonic() - clock.start, 1)
        write_json_whole(document, options.output)
        print(_line(part, result), flush=True)
    document["complete"] = not document["not_run"]
    write_json_whole(document, options.output)
    print(f"written  {options.output}")
    failed = [row for one in document["parity"] for row in one["rows"] if _computes_another(row)]
    return ParityFailed.exit_code if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--device", choices=list(PARITY), default="cuda")
    parser.add_argument("--models", type=str.split, default=MODELS)
    parser.add_argument("--timed", type=str.split, default=TIMED)
    parser.add_argument("--seconds", type=float, default=540.0, help="that all of it may take")
    parser.add_argument(
        "--clock-seconds", type=float, default=2.0, help="of measuring each backend"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "gpu.json")
    return parser.parse_args()


def _results(options: argparse.Namespace, clock: Clock) -> Iterator[tuple[str, dict[str, Any]]]:
    """(part of the document, what belongs into it), one after the other."""
    graded, lacking = _here(PARITY[options.device])
    timed, _ = _here(BENCH[options.device])
    for backend, why in lacking.items():
        yield "not_run", {"part": "backend", "model": backend, "why": why}
    for model in options.models:
        if clock.spent(PARITY_SHARE):
            yield "not_run", {"part": "parity", "model": model, "why": "there was no time left"}
        else:
            yield from _tried("parity", model, lambda name: _parity(name, graded))
    effort = Effort(2, options.clock_seconds)
    for model in options.timed:
        if clock.spent():
            yield "not_run", {"part": "bench", "model": model, "why": "there was no time left"}
        else:
            yield from _tried("bench", model, lambda name: _bench(name, timed, effort))


def _here(on: str) -> tuple[str, dict[str, str]]:
    """The backends that have an environment, and why others have none. None is made: there may be no
    registry to make it from."""
    lacking = {}
    for backend in parse_list(on):
        (state,) = examine_frameworks(frameworks=(backend.place.framework,), pythons=())
        if state.state not in READY:
            named = variable(backend.place.framework)
            lacking[str(backend)] = (
                f"it has no environment here ({state.reason}); {named} names one"
            )
    return ",".join(str(b) for b in parse_list(on) if str(b) not in lacking), lacking


def _tried(part: str, model: str, does: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        yield part, does(model)
    except InteropError as error:  # of the model itself: a backend's own is its row
        yield "not_run", {"part": part, "model": model, "why": error.message}


def _parity(model: str, on: str) -> dict[str, Any]:
    start = time.monotonic()
    rows = interop.check(model, on=on, timeout=240.0).rows
    kept = (
        "label", "version", "passes", "grade", "verdict", "effective_bits", "bits", "output",
        "sentence", "seconds", "placement", "copies",
    )  # fmt: skip
    found = [{**{key: row[key] for key in kept}, "error": row["error"]} for row in rows]
    return {"model": model, "seconds": round(time.monotonic() - start, 1), "rows": found}


def _bench(model: str, on: str, effort: Effort) -> dict[str, Any]:
    start = time.monotonic()
    loading = conversion.Request(model=model, target="onnx", timeout=240.0)
    request = Request(loading, parse_list(on), effort=effort)
    done = run(request).document
    points = [
        {**point, "contenders": list(map(_figures, point["contenders"]))}
        for point in done["points"]
    ]
    seconds = round(time.monotonic() - start, 1)
    return {"model": model, "seconds": seconds, "rules": done["rules"], "points": points}


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    """A contender without every run that it has made."""
    return {key: value for key, value in row.items() if key not in ("seconds", "warm_up")}


def _computes_another(row: dict[str, Any]) -> bool:
    return not row["passes"] and row["error"] is None


def _line(part: str, result: dict[str, Any]) -> str:
    if part == "parity":
        said = ", ".join(f"{row['label']} {row['grade'] or '-'}" for row in result["rows"])
    elif part == "bench":
        said = "; ".join(
            f"{point['clock']['name']} clock: "
            + ", ".join(f"{row['name']} {_milliseconds(row)}" for row in point["contenders"])
            for point in result["points"]
        )
    else:
        part, said = f"{result['part']} not run", result["why"]
    return f"{part}  {result['model']}: {said}"


def _milliseconds(row: dict[str, Any]) -> str:
    return "-" if row["percentiles"] is None else f"{row['median'] * 1e3:.3f} ms"


def _versions() -> dict[str, str]:
    names = ("torch", "jax", "onnxruntime", "onnxruntime_gpu", "tensorrt", "tensorrt_rtx")
    states = examine_frameworks(frameworks=names)
    here = {
        one.framework: one.version for one in states if one.state in ("named", "running", "ready")
    }
    return {**host_versions(), **here}


def _commit() -> str | None:
    """None where the checkout came without its history."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InteropError as error:
        print(f"{error.message}\n  next: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)
