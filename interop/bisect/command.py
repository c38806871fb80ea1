"""`interop bisect`, from what the user names to a record and a reproducer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir
from safetensors import SafetensorError
from safetensors.numpy import load_file

from interop import conversion, frameworks, output, proof, sources, targets
from interop.backends import Backend, parse
from interop.bisect import reproducer, run
from interop.bisect.candidate import Executor, OnBackend, OnnxRuntime
from interop.bisect.pieces import Graph
from interop.bisect.record import layer_rows, record, write_readme
from interop.bisect.weights import WeightDifference, compare_weights
from interop.conversion import Clock, Request, provide_for, scratch_folder
from interop.errors import InvalidModel, UsageError
from interop.frameworks import known
from interop.graph.canonical import canonicalize, save, signature_of
from interop.graph.load import load
from interop.parity.inputs.sets import InputSet
from interop.progress import Progress, Silent
from interop.reference import ModelReference, resolve
from interop.workers import Worker


@dataclass(frozen=True)
class BisectRequest:
    """`model` as a conversion takes one (its target is not looked at; its output is the reproducer).

    candidate: another graph, or a folder that a conversion wrote; on: where the pieces run; layers: the
    profile of every node, and no search.
    """

    model: Request
    candidate: Path | None = None
    on: Backend | None = None
    layers: bool = False


@dataclass(frozen=True)
class Candidate:
    """What is held against the model. notes: what the reader should know of it."""

    graph: Graph
    backend: str | None = None
    weights: tuple[WeightDifference, ...] = ()
    notes: tuple[str, ...] = ()


def carry_out(request: BisectRequest, progress: Progress | None = None) -> dict[str, Any]:
    """Search, and write a reproducer where something is found; returns the record of it (JSON types).

    Raises the errors of interop.errors; then nothing is left on disk, and no process.
    """
    progress, asked = progress or Silent(), request.model
    home = None if asked.source is None else frameworks.parse(asked.source)
    reference = resolve(asked.model, None if home is None else home.framework)
    folder = asked.output or Path(f"{reference.name}-bisect")
    if not request.layers:
        output.check_free(folder, force=asked.force)
    with scratch_folder() as scratch, ExitStack() as stack:
        made = _exported(reference, home.version if home else None, asked, scratch, progress)
        sets = proof.plan(
            made.canonical, made.signature, reference.architecture, asked, scratch
        ).sets
        graph = Graph(ir.to_proto(made.model))
        candidate = _candidate(request, graph, made.model)
        executor: Executor = OnnxRuntime()
        backend = request.on or (parse(candidate.backend) if candidate.backend else None)
        if backend is not None:
            executor = stack.enter_context(
                OnBackend(backend, scratch, timeout=asked.timeout, progress=progress,
                          log=print if asked.verbose else None)
            )  # fmt: skip
        subject = run.subject(
            graph, candidate.graph, executor, sets, scratch,
            weights=candidate.weights, seed=asked.seed,
        )  # fmt: skip
        if request.layers:
            graded = run.profile(subject, progress)
            return record(request, subject, candidate.notes, layers=graded)
        found = run.bisect(subject, progress)
        case = found.finding.case if found.finding else None
        if case is None:
            return record(request, subject, candidate.notes, found)
        with progress.stage("reproducer"), output.staged(folder) as aside:
            smallest = reproducer.shrink(subject.pair, case, executor, asked.seed)
            reproducer.write(subject.pair, smallest, aside)
            document = record(request, subject, candidate.notes, found, reproducer=folder)
            write_readme(document, aside)
            output.write_json(document, aside / "bisect.json")
        return document


def layer_profile(
    canonical: Path,
    backend: Backend,
    sets: Sequence[InputSet],
    scratch: Path,
    *,
    seed: int = 0,
    timeout: float = 1800.0,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Every node of a canonical ONNX file by itself on `backend`, on the first of `sets`: a row each, as
    the record has them. For `interop check --layers`.

    Raises UnsupportedOperator or InvalidModel for a node that has no truth.
    """
    progress = progress or Silent()
    graph = Graph(ir.to_proto(canonicalize(canonical)))
    with OnBackend(backend, scratch / "pieces", timeout=timeout, progress=progress) as executor:
        subject = run.subject(graph, graph, executor, sets, scratch, seed=seed)
        return layer_rows(subject, run.profile(subject, progress))


def _exported(
    reference: ModelReference,
    version: str | None,
    asked: Request,
    scratch: Path,
    progress: Progress,
) -> conversion.Export:
    """The model as canonical ONNX; only what is none yet needs its framework's worker."""
    if reference.framework == "onnx":
        assert reference.path is not None
        with progress.stage("canonical ONNX"):
            model = canonicalize(reference.path)
            save(model, scratch / "canonical.onnx")
            source = sources.Source(reference.path, ())
            signature = signature_of(model)
            return conversion.Export(source, model, signature, scratch / "canonical.onnx")
    home = provide_for(reference.framework, version, progress)
    with Worker(
        home.interpreter, known()[reference.framework].guest, label=reference.framework,
        timeout=asked.timeout, log=print if asked.verbose else None,
    ) as worker:  # fmt: skip
        return conversion.export(reference, worker, asked, scratch, Clock(), progress)


def _candidate(request: BisectRequest, graph: Graph, model: ir.Model) -> Candidate:
    if request.candidate is None:
        if request.on is None:
            raise UsageError(
                "there is nothing to hold the model against",
                hint="Name a backend (--on torch:cpu), a second graph, or a converted folder.",
            )
        return Candidate(graph)
    found = resolve(str(request.candidate), None)
    if found.artifact is not None and found.framework != "onnx":
        differing = _weights_against(model, found.artifact.framework, request.candidate)
        return Candidate(graph, f"{found.artifact.framework}:cpu", differing)
    if found.framework != "onnx":
        raise UsageError(
            f"{request.candidate} is neither a graph in ONNX nor a folder that a conversion wrote",
            hint="Convert it first: interop convert; or name the folder that the conversion wrote.",
        )
    return read_graph(found.path or request.candidate)


def read_graph(path: Path) -> Candidate:
    """The candidate in an .onnx file. A graph that cannot be normalised is taken as it is written: that
    may be what is wrong with it."""
    try:
        return Candidate(Graph(ir.to_proto(canonicalize(path))))
    except InvalidModel as error:
        proto = ir.to_proto(load(path))  # raises the same where it cannot be read at all
        return Candidate(Graph(proto), notes=(f"taken as written: {error.message}",))


def _weights_against(model: ir.Model, framework: str, folder: Path) -> tuple[WeightDifference, ...]:
    """The weights in a converted folder against those that its framework is given for `model` today."""
    file = folder / "weights.safetensors"
    wanted = targets.to_source(model.clone(), targets.kind_of(framework)).weights
    try:
        return compare_weights(wanted, load_file(file))
    except (OSError, SafetensorError) as error:
        raise InvalidModel(
            f"{file} cannot be read: {error}", hint="Convert the model again."
        ) from error
