"""What a check costs over the runs that it judges: the aim is at most three times their sum.

    python benchmarks/check_cost.py [MODEL] [--from torch] [--on ...] [--rounds 3]

The runs, one after the other and each started by itself: the model loaded, exported and run in its own
framework, and on every backend the conversion, the load and the runs, all on the sets of inputs that the
check draws. The check is the command, from its start to its end: the same, and the float64 truth, the
floors, what every side is by itself (a second run, rows alone), and the comparisons.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from cost import Stopwatch, main

from interop import conversion, frameworks, proof, sources
from interop.backends import Backend, open_runner
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


if __name__ == "__main__":
    main(
        "check", needed, aim=AIM, on="onnxruntime:cpu,openvino:cpu,tensorflow:cpu",
        fine=lambda code, _: code == 0,
    )  # fmt: skip
