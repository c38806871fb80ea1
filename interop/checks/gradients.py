"""`interop check --gradients`: the gradients of each side that has any, against the float64 twin's."""

from __future__ import annotations

from pathlib import Path

from interop.checks import others
from interop.checks.aspects import Aspect
from interop.checks.pairing import pair
from interop.checks.request import CheckRequest
from interop.conversion import Export
from interop.dialect import Dialect
from interop.errors import InteropError, UsageError
from interop.gradients import (
    OWN,
    TRAINABLE,
    Candidate,
    GradientParity,
    gradient_parity,
    on_backend,
    why_not,
)
from interop.parity.verdict.derivatives import Derivatives, cotangents
from interop.progress import Progress
from interop.proof import Plan
from interop.reference import ModelReference, resolve
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors


def check_any(request: CheckRequest, reference: ModelReference) -> None:
    """Raise UsageError where no side has gradients."""
    artifacts = [resolve(text, None) for text in request.others]
    if reference.framework in OWN or any(not why_not(backend) for backend in request.on):
        return
    if any(one.artifact is not None and one.framework in TRAINABLE for one in artifacts):
        return
    raise UsageError(
        "no side of this check has gradients to compare",
        hint=f"Add one of {', '.join(f'{name}:cpu' for name in TRAINABLE)} to --on, in float32.",
    )


def largest(plan: Plan) -> int:
    """The set that gradients are taken on: a batch, where there is one."""
    return max(
        range(len(plan.sets)), key=lambda i: sum(a.size for a in plan.sets[i].arrays.values())
    )


def own_gradients(
    reference: ModelReference, worker: Worker, plan: Plan, seed: int
) -> Derivatives | InteropError | None:
    """Those of the model itself, in the worker that has run it; None where its framework's worker
    gives none."""
    if reference.framework not in OWN:
        return None
    place, index = plan.folder / "own-gradients", largest(plan)
    given = read_tensors(plan.outputs("source")[index])
    # In the model's order, in which they are drawn for everybody.
    shapes = {one.name: given[one.name] for one in plan.signature.outputs}
    try:
        wide = cotangents(shapes, seed)
        write_tensors(place / "cotangents", {n: a.astype(shapes[n].dtype) for n, a in wide.items()})
        worker.call(
            "own_gradients", inputs=plan.inputs()[index], cotangents=str(place / "cotangents"),
            target=str(place / "gradients"),
        )  # fmt: skip
    except InteropError as error:
        return error
    return Derivatives.of(read_tensors(place / "gradients"))


def gradient_aspects(
    request: CheckRequest,
    reference: ModelReference,
    made: Export,
    plan: Plan,
    own: Derivatives | InteropError | None,
    scratch: Path,
    progress: Progress,
) -> list[Aspect]:
    """One for the model itself, and one for each of the others and of the backends. own: what
    `own_gradients` gave."""
    label = f"{request.model.model} itself"
    sides: list[Candidate | Aspect] = []
    if own is not None:
        sides.append(Candidate(label, lambda _: _raised(own)))
    elif reference.framework != "onnx":
        sides.append(
            _none(label, f"{reference.framework} is not asked for those of its own models")
        )
    sides += [_other(text, reference, made) for text in request.others]
    sides += [
        _none(str(backend), why_not(backend)) if why_not(backend) else on_backend(backend)
        for backend in request.on
    ]
    candidates = [side for side in sides if isinstance(side, Candidate)]
    try:
        found = gradient_parity(
            made.canonical, candidates, plan.sets[largest(plan)], scratch,
            seed=request.model.seed, timeout=request.model.timeout, progress=progress,
        )  # fmt: skip
    except InteropError as error:
        return [
            Aspect.failed(side.label, error) if isinstance(side, Candidate) else side
            for side in sides
        ]
    by_label = {one.label: one for one in found}
    return [
        _aspect(by_label[side.label]) if isinstance(side, Candidate) else side for side in sides
    ]


def _raised(own: Derivatives | InteropError) -> Derivatives:
    if isinstance(own, InteropError):
        raise own
    return own


def _none(label: str, why: str) -> Aspect:
    return Aspect(label, None, f"not comparable: {why}")


def _other(text: str, reference: ModelReference, made: Export) -> Candidate | Aspect:
    """Another model: only what a conversion wrote has source to be differentiated."""
    other = resolve(text, None)
    if other.artifact is None or other.framework not in TRAINABLE:
        return _none(text, "it is not the folder of a conversion that can be trained on")
    theirs = others.names_of(other, other.artifact.signature)
    dialect, _ = pair(others.names_of(reference, made.signature), theirs, text)
    ours = {called: name for name, called in dialect.inputs.items()}
    order = {ours[spec.name]: spec.name for spec in other.artifact.signature.inputs}
    taken = Dialect(order, dialect.outputs, dialect.channels_last)
    path = other.artifact.path
    folder = path if path.is_dir() and (path / "model.py").exists() else path.parent
    return Candidate(text, lambda session: session.written_in(folder, other.framework, taken))


def _aspect(found: GradientParity) -> Aspect:
    if found.error is not None:
        return Aspect.failed(found.label, found.error)
    if not found.parities:
        return _none(
            found.label, "no input is of floats, and it holds no parameter as the graph does"
        )
    worst = max(found.parities, key=lambda one: (one.verdict, one.lost))
    told = f"gradient of {worst.name}: {worst.reason}"
    return Aspect(found.label, found.passes, told, _evidence(found, worst.name))


def _evidence(found: GradientParity, worst: str) -> dict[str, object]:
    document = found.to_json()
    return {"worst": worst, **{k: document[k] for k in ("inputs", "gradients", "unmatched")}}
