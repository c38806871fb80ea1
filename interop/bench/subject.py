"""What is measured: a model as canonical ONNX, and inputs of the sizes that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from interop import conversion, frameworks, proof
from interop.errors import UsageError
from interop.progress import Progress
from interop.reference import ModelReference, resolve
from interop.signature import Signature
from interop.workers import Worker

#: Sets of inputs that the parity of each backend is graded on.
SETS = 2


@dataclass(frozen=True)
class Subject:
    """The model on disk as its exporter wrote it and as every backend gets it, what its exporter had
    to give up, and the inputs on which its parity is graded."""

    reference: ModelReference
    exported: Path
    canonical: Path
    signature: Signature
    notes: tuple[str, ...]
    plan: proof.Plan


def load(
    request: conversion.Request, scratch: Path, progress: Progress, sets: int | None = SETS
) -> Subject:
    """Load the model in its own framework, export it, and write its canonical form to `scratch`.

    sets: of inputs, at most; None takes all that there are.

    Raises what loading and exporting raise.
    """
    home = None if request.source is None else frameworks.parse(request.source)
    reference = resolve(request.model, None if home is None else home.framework)
    version = None if home is None else home.version
    environment = conversion.provide_for(reference.framework, version, progress)
    with Worker(
        environment.interpreter,
        frameworks.known()[reference.framework].guest,
        label=reference.framework,
        timeout=request.timeout,
        search_path=[str(request.beside or Path.cwd())],
    ) as worker:
        clock = conversion.Clock()
        made = conversion.export(reference, worker, request, scratch, clock, progress)
    plan = proof.plan(
        made.canonical, made.signature, reference.architecture, request, scratch / "parity"
    )
    plan = replace(plan, sets=plan.sets[:sets])
    source = made.source
    return Subject(reference, source.onnx, made.canonical, made.signature, source.notes, plan)


def inputs_for(
    subject: Subject, request: conversion.Request, batch: int | None, folder: Path
) -> tuple[str, dict[str, list[int]]]:
    """Write one set of inputs with that batch (None: the usual) below `folder`.

    Returns the folder of its tensors and their shapes. Raises UsageError where the model's batch is
    fixed, or the inputs are the user's own.
    """
    if batch is not None:
        request = replace(request, sizes={**request.sizes, **batch_sizes(subject, request, batch)})
    made = proof.plan(
        subject.canonical, subject.signature, subject.reference.architecture, request, folder
    )
    shapes = {name: list(array.shape) for name, array in made.sets[0].arrays.items()}
    return made.inputs()[0], shapes


def items_in(shapes: Mapping[str, list[int]]) -> int:
    """How many items a run computes: the leading dimension of the first input."""
    first = next(iter(shapes.values()), [])
    return first[0] if first else 1


def batch_sizes(subject: Subject, request: conversion.Request, batch: int) -> dict[str, int]:
    """The sizes of dimensions, by name, that give that batch: every leading dimension that is named as
    the first input's, or has no name.

    Raises UsageError where the batch is fixed, or the inputs are the user's own.
    """
    if request.data is not None:
        raise UsageError(
            "--batch makes up inputs of a size, --data gives your own",
            hint="Leave one of them away.",
        )
    leading = [(spec.name, spec.shape[0]) for spec in subject.signature.inputs if spec.shape]
    first = leading[0][1] if leading else 1
    if isinstance(first, int):
        if first == batch:
            return {}
        raise UsageError(
            f"{subject.reference.text} cannot take a batch of {batch}: the first dimension of "
            f"{subject.signature.inputs[0].name!r} is fixed",
            hint=f"Leave --batch away, or export it with a dynamic batch. It takes {first}.",
        )
    return {
        (dim if isinstance(dim, str) else f"{name}:0"): batch
        for name, dim in leading
        if dim == first
    }
