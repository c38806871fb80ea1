"""`interop check --rebuild`: what a backend runs is built a second time, and equals the first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from interop.backends import Backend, open_runner
from interop.checks.attempts import Attempt
from interop.checks.request import CheckRequest
from interop.errors import InteropError
from interop.parity.unaided import REBUILT, Finding, Outcome, Yardstick, agree, of_one_digest
from interop.progress import Progress
from interop.proof import Plan
from interop.workers.tensors import read_tensors


def rebuilt(
    request: CheckRequest,
    backend: Backend,
    attempt: Attempt,
    plan: Plan,
    scratch: Path,
    measure: Yardstick,
    progress: Progress,
) -> Sequence[Finding]:
    """One finding where both builds have one digest, or else one for each set of inputs. `scratch` is
    where the first was built; `attempt` what it gave."""
    aside = scratch / "rebuilt"
    aside.mkdir(exist_ok=True)
    timeout, calibration = request.model.timeout, plan.inputs()
    outputs = [str(aside / f"outputs-{backend}" / str(n)) for n in range(len(plan.sets))]
    try:
        with open_runner(backend, timeout=timeout, progress=progress, scratch=scratch) as before:
            first = before.build(plan.canonical, calibration)  # it lies there already
        with open_runner(backend, timeout=timeout, progress=progress, scratch=aside) as again:
            second = again.build(plan.canonical, calibration)
            equal = of_one_digest(first.path, second.path)
            if equal is not None:
                return (equal,)
            again.load_built(second)
            again.run(plan.inputs(), outputs)
    except InteropError as error:
        return (Finding(REBUILT, "", Outcome.FAILED, error.message),)
    return [
        agree(REBUILT, one.label, one.arrays, read_tensors(old), read_tensors(new), measure)
        for one, old, new in zip(plan.sets, attempt.outputs, outputs, strict=True)
    ]
