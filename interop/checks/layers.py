"""`interop check --layers`: every node by itself on each backend, fed with the reference's values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interop.backends import Backend
from interop.bisect.command import layer_profile
from interop.checks.aspects import Aspect
from interop.checks.attempts import Attempt
from interop.checks.request import CheckRequest
from interop.errors import InteropError
from interop.progress import Progress
from interop.proof import Plan


def layer_aspects(
    request: CheckRequest,
    plan: Plan,
    attempts: Sequence[Attempt],
    scratch: Path,
    progress: Progress,
) -> list[Aspect]:
    """One for each backend of the request, in its order; `attempts` says which of them ran."""
    ran = {one.label: one.error is None for one in attempts if one.kind == "backend"}
    return [
        _profiled(request, plan, backend, scratch / f"layers-{number}", progress)
        if ran[str(backend)]
        else Aspect(str(backend), None, "not comparable: the model does not run there")
        for number, backend in enumerate(request.on)
    ]


def _profiled(
    request: CheckRequest, plan: Plan, backend: Backend, scratch: Path, progress: Progress
) -> Aspect:
    label = str(backend)
    try:
        rows = layer_profile(
            plan.canonical, backend, plan.sets, scratch, seed=request.model.seed,
            timeout=request.model.timeout, progress=progress,
        )  # fmt: skip
    except InteropError as error:
        return Aspect.failed(label, error)
    wrong = [row for row in rows if row["wrong"]]
    evidence = {"inputs": plan.sets[0].label, "first": first(rows), "nodes": rows}
    if not wrong:
        unknown = sum(row["undecided"] is not None for row in rows)
        told = f"each of {len(rows) - unknown} nodes by itself is within what rounding does"
        told += f"; {unknown} could not be judged" if unknown else ""
        return Aspect(label, True, told, evidence)
    told = f"{wrong[0]['node']} is the first of {len(wrong)} nodes that leave the floor: "
    return Aspect(label, False, told + wrong[0]["reason"], evidence)


def first(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The first node that leaves the floor, in the graph's order."""
    return next((row for row in rows if row["wrong"]), None)
