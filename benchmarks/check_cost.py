"""What a check costs over the runs that it judges: the aim is at most three times their sum.

    python benchmarks/check_cost.py [MODEL] [--from torch] [--on ...] [--rounds 3]

The runs, one after the other and each started by itself: the model loaded, exported and run in its own
framework, and on every backend the conversion, the load and the runs, all on the sets of inputs that the
check draws. The check is the command, from its start to its end: the same, and the float64 truth, the
floors, what every side is by itself (a second run, rows alone), and the comparisons.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from audit_cost import Stopwatch

from interop import conversion, frameworks, proof, sources
from interop.backends import Backend, open_runner, parse_list
from interop.bench.machine import machine
from interop.conversion import Clock, Request
from interop.progress import Silent
from interop.reference import resolve
from interop.workers import Worker

#: The most that a check may take, in sums of its runs.
AIM = 3.0


def needed(request: Request, on: tuple[Backend, ...]) -> dict[str, float]:
    """Seconds of each of the runs."""
    watch, silent = Stopwatch(), Silent()
    reference = resolve(request.model, request.source)
    home = conversion.provide_for(reference.framework, None, silent)
    guest = frameworks.known()[reference.framework].guest
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        with (
            watch.of(f"in {reference.framework}"),
            Worker(home.interpreter, guest, label=reference.framework, timeout=900) as worker,
        ):
            made = conversion.export(reference, worker, request, scratch, Clock(), silent)
            plan = proof.plan(
                made.canonical, made.signature, reference.architecture, request, scratch / "sets"
            )
            sources.make_ready(reference, worker)
            worker.call("run", inputs=plan.inputs(), outputs=plan.outputs("source"))
        for number, backend in enumerate(on):
            with (
                watch.of(str(backend)),
                open_runner(backend, scratch=scratch) as runner,
            ):
                runner.load(plan.canonical, calibration=plan.inputs())
                runner.run(plan.inputs(), plan.outputs(str(number)))
    return watch.seconds


def checked(model: str, source: str | None, on: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "interop", "check", model, "--on", on]
        command += ["--from", source] if source else []
        begun = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        seconds = time.perf_counter() - begun
        if done.returncode:
            sys.exit(f"the check failed: {done.stdout}{done.stderr}")
        return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default="resnet50")
    parser.add_argument("--from", dest="source", default="torch")
    parser.add_argument("--on", default="onnxruntime:cpu,openvino:cpu,tensorflow:cpu")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    path = Path(asked.model)
    model, source = (str(path.resolve()), None) if path.exists() else (asked.model, asked.source)
    rounds = []
    for _ in range(asked.rounds):
        parts = needed(Request(model=model, target="", source=source), parse_list(asked.on))
        whole, alone = checked(model, source, asked.on), sum(parts.values())
        rounds.append({"needed": parts, "check": whole, "ratio": whole / alone})
        print(f"{whole:.1f} s over {alone:.1f} s: {whole / alone:.2f}", flush=True)
    ratio = median(float(one["ratio"]) for one in rounds)  # type: ignore[arg-type]
    result = {"model": asked.model, "on": asked.on, "ratio": ratio, "aim": AIM, "rounds": rounds,
              "machine": machine().to_json()}  # fmt: skip
    print(json.dumps(result, indent=2))
    sys.exit(ratio > AIM)


if __name__ == "__main__":
    main()
