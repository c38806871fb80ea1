"""`interop bisect`, from what the user names to a record and a reproducer."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx_ir as ir
from safetensors import SafetensorError
from safetensors.numpy import load_file

from interop import output, sources, targets
from interop.backends import parse
from interop.bisect import reproducer, run
from interop.bisect.candidate import Executor, OnBackend, OnnxRuntime
from interop.bisect.pieces import Graph
from interop.bisect.record import record, write_readme
from interop.bisect.weights import WeightDifference, compare_weights
from interop.conversion import Request as Conversion
from interop.conversion import provide_for, scratch_folder
from interop.errors import InvalidModel, UsageError
from interop.frameworks import known
from interop.frameworks import parse as parse_framework
from interop.graph.canonical import canonicalize, signature_of
from interop.graph.load import load
from interop.parity import InputSet, input_sets, load_input_sets
from interop.progress import Progress, Silent
from interop.reference import ModelReference, resolve
from interop.workers import Worker


@dataclass(frozen=True)
class Request:
    """What was asked for. candidate: another graph, or a folder that a conversion wrote; backend: where
    its pieces run; layers: the profile of every node, and no search."""

    model: str
    candidate: Path | None = None
    backend: str | None = None
    source: str | None = None
    output: Path | None = None
    force: bool = False
    layers: bool = False
    data: Path | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    trust: bool = False
    seed: int = 0
    timeout: float = 1800.0  # seconds
    verbose: bool = False


@dataclass(frozen=True)
class Candidate:
    """What is held against the model. notes: what the reader should know of it."""

    graph: Graph
    backend: str | None = None
    weights: tuple[WeightDifference, ...] = ()
    notes: tuple[str, ...] = ()


def carry_out(request: Request, progress: Progress | None = None) -> dict[str, Any]:
    """Search, and write a reproducer where something is found; returns the record of it (JSON types).

    Raises the errors of interop.errors; then nothing is left on disk, and no process.
    """
    progress = progress or Silent()
    backend = None if request.backend is None else parse(request.backend)
    home = None if request.source is None else parse_framework(request.source).framework
    reference = resolve(request.model, home)
    folder = request.output or Path(f"{reference.name}-bisect")
    if not request.layers:
        output.check_free(folder, force=request.force)
    with scratch_folder() as scratch, ExitStack() as stack:
        with progress.stage("canonical ONNX"):
            path = _exported(reference, request, scratch, progress)
            model = canonicalize(path)
            signature, proto = signature_of(model), ir.to_proto(model)
            sets = _inputs(proto, signature, reference, request)
        graph = Graph(proto)
        candidate = _candidate(request, graph, model)
        executor: Executor = OnnxRuntime()
        wanted = backend or (parse(candidate.backend) if candidate.backend else None)
        if wanted is not None:
            executor = stack.enter_context(
                OnBackend(wanted, scratch, timeout=request.timeout, progress=progress,
                          log=print if request.verbose else None)
            )  # fmt: skip
        subject = run.subject(
            graph, candidate.graph, executor, sets, scratch,
            weights=candidate.weights, seed=request.seed,
        )  # fmt: skip
        if request.layers:
            graded = run.profile(subject, progress)
            return record(request, subject, candidate.notes, layers=graded)
        found = run.bisect(subject, progress)
        case = found.finding.case if found.finding else None
        if case is None:
            return record(request, subject, candidate.notes, found)
        with progress.stage("reproducer"), output.staged(folder) as aside:
            smallest = reproducer.shrink(subject.pair, case, executor, request.seed)
            reproducer.write(subject.pair, smallest, aside)
            document = record(request, subject, candidate.notes, found, reproducer=folder)
            write_readme(document, aside)
            output.write_json(document, aside / "bisect.json")
        return document


def _exported(
    reference: ModelReference, request: Request, scratch: Path, progress: Progress
) -> Path:
    """The model as ONNX: the file itself, or what its framework's worker makes of it."""
    asked = Conversion(
        request.model, "", data=request.data, sizes=request.sizes, trust=request.trust
    )
    if reference.framework == "onnx":
        assert reference.path is not None
        return reference.path
    home = provide_for(reference.framework, None, progress)
    with Worker(
        home.interpreter, known()[reference.framework].guest, label=reference.framework,
        timeout=request.timeout, log=print if request.verbose else None,
    ) as worker:  # fmt: skip
        return sources.load(reference, worker, asked, scratch).onnx


def _inputs(
    proto: Any, signature: Any, reference: ModelReference, request: Request
) -> tuple[InputSet, ...]:
    if request.data is not None:
        return load_input_sets(request.data, signature)
    bounds: dict[str, int] = {}
    sizes = dict(request.sizes)
    if reference.architecture is not None:
        bounds = {i.name: i.below for i in reference.architecture.inputs if i.below is not None}
        sizes = {**reference.architecture.sizes, **sizes}
    return input_sets(proto, signature, seed=request.seed, sizes=sizes, bounds=bounds)


def _candidate(request: Request, graph: Graph, model: ir.Model) -> Candidate:
    if request.candidate is None:
        if request.backend is None:
            raise UsageError(
                "there is nothing to hold the model against",
                hint="Name a backend (--on torch:cpu), a second graph, or a converted folder.",
            )
        return Candidate(graph)
    found = resolve(str(request.candidate), None)
    if found.artifact is not None:
        differing = _weights_against(model, found.artifact.framework, request.candidate)
        return Candidate(graph, f"{found.artifact.framework}:cpu", differing)
    if found.framework != "onnx":
        raise UsageError(
            f"{request.candidate} is neither a graph in ONNX nor a folder that a conversion wrote",
            hint="Convert it first: interop convert; or name the folder that the conversion wrote.",
        )
    return read_graph(request.candidate)


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
