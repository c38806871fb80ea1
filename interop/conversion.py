"""The main job: a model in one framework → canonical ONNX → a proved artifact in another."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx_ir as ir

from interop import frameworks, manifest, output, proof, sources, targets
from interop.environments import Environment, provide
from interop.errors import UsageError
from interop.frameworks import able, known
from interop.graph.canonical import canonicalize, save, save_stored, signature_of
from interop.parity.floor.precisions import precision_named
from interop.parity.inputs.sets import InputSet
from interop.progress import Progress, Silent
from interop.reference import ModelReference, resolve
from interop.signature import Signature, TensorSpec
from interop.workers import Worker


@dataclass(frozen=True)
class Request:
    """What was asked for. Frameworks may carry a version ("torch@2.11"); None means: derive it."""

    model: str
    target: str
    source: str | None = None
    output: Path | None = None
    force: bool = False
    inputs: tuple[TensorSpec, ...] = ()
    data: Path | None = None
    non_finite: bool = False  # whether inputs may hold NaN and infinities
    wide: bool = False  # many sets of inputs, which search for faults
    sizes: dict[str, int] = field(default_factory=dict)
    signature: str | None = None
    weights: Path | None = None
    channels_last: bool = False
    precision: str = "float32"
    opset: int | None = None  # of an ONNX file; None: the oldest that has all operators
    trust: bool = False
    seed: int = 0
    timeout: float = 1800.0  # seconds
    verbose: bool = False
    beside: Path | None = None  # where callables are looked for; None: in the working folder


@dataclass(frozen=True)
class Conversion:
    """What came of it: the folder on disk and the manifest that lies in it."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def grade(self) -> str:
        return str(self.manifest["grade"])

    @property
    def passed(self) -> bool:
        return bool(self.manifest["rule"]["passes"])


@dataclass(frozen=True)
class Work:
    """A conversion with what lies in its scratch folder: for who goes on from there.

    inputs, outputs: the canonical ONNX's names → the artifact's.
    """

    conversion: Conversion
    plan: proof.Plan
    inputs: dict[str, str]
    outputs: dict[str, str]


class Clock:
    """Wall seconds of each stage."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._stages[name] = time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        return {**self._stages, "total": time.perf_counter() - self._start}


class Workers:
    """Opens workers; all of them end with the stack, whatever happens."""

    def __init__(self, stack: ExitStack, request: Request) -> None:
        self._stack, self._request = stack, request
        self._open: dict[str, Worker] = {}

    def depart(self, source_home: Environment, onnx_home: Environment) -> Departing:
        source = self.open(source_home, "source")
        return Departing(source_home, source, self.open(onnx_home, "checker"))

    def arrive(self, home: Environment) -> Arriving:
        return Arriving(home, self.open(home, "builder"), self.open(home, "prover"))

    def open(self, environment: Environment, role: str) -> Worker:
        worker = Worker(
            environment.interpreter,
            known()[environment.framework].guest,
            label=environment.framework,
            timeout=self._request.timeout,
            log=_echo if self._request.verbose else None,
            # A user's package.module:callable is looked for where the command was given.
            search_path=[str(self._request.beside or Path.cwd())],
        )
        self._open[role] = self._stack.enter_context(worker)
        return worker

    def peak_memory(self) -> dict[str, int]:
        return {role: worker.peak_memory for role, worker in self._open.items()}


def run(request: Request, progress: Progress | None = None) -> Conversion:
    """Carry out `request`; the result lies on disk when this returns, whatever its grade.

    Raises the errors of interop.errors; then nothing is left on disk, and no process.
    """
    with scratch_folder() as scratch:
        return run_in(scratch, request, progress or Silent()).conversion


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for tensors, gone afterwards."""
    with (
        output.disk_errors(Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="interop-") as folder,
    ):
        yield Path(folder)


def run_in(
    scratch: Path, request: Request, progress: Progress, sets: tuple[InputSet, ...] | None = None
) -> Work:
    """`run`, with its tensors in the folder `scratch`, and perhaps on inputs that are given."""
    clock = Clock()
    away = frameworks.parse(request.target)
    home = None if request.source is None else frameworks.parse(request.source)
    reference = resolve(request.model, None if home is None else home.framework)
    check_roles(reference, away.framework)
    targets.check_request(away.framework, request)
    folder = request.output or Path(f"{reference.name}-{known()[away.framework].short}")
    output.check_free(folder, force=request.force)
    with ExitStack() as stack:
        with clock.stage("environments"):
            version = None if home is None else home.version
            source_home = provide_for(reference.framework, version, progress)
            target_home = provide_for(away.framework, away.version, progress)
            onnx_home = provide_for("onnx", None, progress)
        # Entered before the workers, so left after them: none still writes when it is cleared away.
        aside = stack.enter_context(output.staged(folder))
        workers = Workers(stack, request)
        # All start importing now, on the cores that the export leaves idle.
        departing = workers.depart(source_home, onnx_home)
        arriving = workers.arrive(target_home)
        departure = depart(reference, departing, request, scratch, clock, progress, sets)
        target, document = arrive(departure, arriving, request, aside, clock, progress)
        document["peak_memory_bytes"] = workers.peak_memory()
        manifest.write(document, aside)
    names = target.source
    return Work(Conversion(folder, document), departure.plan, names.inputs, names.outputs)


@dataclass(frozen=True)
class Departing:
    """Where a conversion begins: the source's worker, and that of the truth."""

    home: Environment
    source: Worker
    checker: Worker


@dataclass(frozen=True)
class Arriving:
    """Where a conversion ends: one worker builds the artifact, a fresh one runs it."""

    home: Environment
    builder: Worker
    prover: Worker


@dataclass(frozen=True)
class Departure:
    """A model loaded and exported, with the evidence on it: where any number of targets begin."""

    reference: ModelReference
    at: Departing
    source: sources.Source
    model: ir.Model
    signature: Signature
    plan: proof.Plan
    evidence: proof.Evidence


@dataclass(frozen=True)
class Export:
    """A model loaded in its framework's worker, and its canonical ONNX, also on disk."""

    source: sources.Source
    model: ir.Model
    signature: Signature
    canonical: Path


def export(
    reference: ModelReference,
    worker: Worker,
    request: Request,
    scratch: Path,
    clock: Clock,
    progress: Progress,
) -> Export:
    """Load the model in `worker` and export it into the folder `scratch`."""
    framework = reference.framework
    with clock.stage("export"), progress.stage(f"load and export ({framework})"):
        source = sources.load(reference, worker, request, scratch)
    with clock.stage("canonicalize"), progress.stage("canonical ONNX"):
        model = canonicalize(source.onnx)
        canonical, signature = scratch / "canonical.onnx", signature_of(model)
        save(model, canonical)
        save_stored(model, canonical)
    return Export(source, model, signature, canonical)


def depart(
    reference: ModelReference,
    at: Departing,
    request: Request,
    scratch: Path,
    clock: Clock,
    progress: Progress,
    sets: tuple[InputSet, ...] | None = None,
) -> Departure:
    """Load the model, export it, choose the inputs and set the source's own runs going."""
    made = export(reference, at.source, request, scratch, clock, progress)
    with clock.stage("inputs"):
        plan = proof.plan(
            made.canonical, made.signature, reference.architecture, request, scratch, sets
        )
    file = made.source.onnx if reference.framework == "onnx" else None
    evidence = proof.Evidence(plan, at.checker, at.source, request.seed, file)
    sources.make_ready(reference, at.source)
    evidence.run_source()
    return Departure(reference, at, made.source, made.model, made.signature, plan, evidence)


def arrive(
    departure: Departure,
    at: Arriving,
    request: Request,
    folder: Path,
    clock: Clock,
    progress: Progress,
) -> tuple[targets.Target, dict[str, Any]]:
    """Write `departure`'s model (its graph is consumed) into `folder` as the target has it, and prove
    that; returns it with the manifest."""
    from interop.record import conversion_record

    plan, evidence, framework = departure.plan, departure.evidence, at.home.framework
    with clock.stage("lower"), progress.stage(f"lower to {framework}"):
        target = targets.lower(
            departure.model,
            framework,
            folder,
            channels_last=request.channels_last,
            opset=request.opset,
        )
    evidence.start_truth()
    with clock.stage("build"), progress.stage(f"build ({framework})"):
        calibration = proof.hand_over(plan, target) if request.precision == "int8" else []
        built = targets.build(target, at.builder, request.precision, calibration)
    with clock.stage("verify"), progress.stage("compare with the source") as update:
        precision = precision_named(request.precision)
        parity = evidence.judge(target, at.prover, update, precision)
    with clock.stage("latency"), progress.stage("measure latency"):
        latency = proof.measure_latency(plan, departure.at.source, at.prover, target)
    document = conversion_record(
        request, departure.reference, departure.source, departure.at.home, target, at.home,
        departure.signature, parity, latency, built, clock.seconds(),
    )  # fmt: skip
    return target, document


def check_roles(reference: ModelReference, target: str) -> None:
    for name, role, verb in ((reference.framework, "source", "from"), (target, "target", "to")):
        if role not in known()[name].roles:
            raise UsageError(
                f"converting {verb} {known()[name].title} is not possible yet",
                hint=f"Possible: {', '.join(able(role))}.",
            )


def provide_for(framework: str, version: str | None, progress: Progress) -> Environment:
    with progress.stage(f"environment for {framework}") as update:
        return provide(framework, version, on_progress=update)


def _echo(line: str) -> None:
    print(line, file=sys.stderr)
