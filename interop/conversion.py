"""The main job: a model in one framework → canonical ONNX → a proved artifact in another."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interop import frameworks, manifest, output, proof, sources, targets
from interop.environments import Environment, provide
from interop.errors import UsageError
from interop.graph.canonical import canonicalize, save, signature_of
from interop.progress import Progress, Silent
from interop.record import conversion_record
from interop.reference import ModelReference, resolve
from interop.signature import TensorSpec
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
    sizes: dict[str, int] = field(default_factory=dict)
    channels_last: bool = False
    trust: bool = False
    seed: int = 0
    timeout: float = 1800.0  # seconds
    verbose: bool = False


@dataclass(frozen=True)
class Conversion:
    """What came of it: the folder on disk and the manifest that lies in it."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def grade(self) -> str:
        return self.manifest["grade"]

    @property
    def passed(self) -> bool:
        return self.manifest["rule"]["passed"]


class Clock:
    """Wall seconds of each stage."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.stages[name] = time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        return {**self.stages, "total": time.perf_counter() - self._start}


def run(request: Request, progress: Progress | None = None) -> Conversion:
    """Carry out `request`; the result lies on disk when this returns, whatever its grade.

    Raises the errors of interop.errors; nothing is left on disk then, and no process.
    """
    progress = progress or Silent()
    clock = Clock()
    source_name = None if request.source is None else frameworks.parse(request.source)
    target_name = frameworks.parse(request.target)
    reference = resolve(request.model, None if source_name is None else source_name.framework)
    _check_roles(reference, target_name)
    folder = request.output or Path(f"{reference.name}-{_short(request.target)}")
    output.check_free(folder, force=request.force)
    with ExitStack() as stack:
        stack.enter_context(output.disk_errors(Path(tempfile.gettempdir())))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="interop-")))
        with clock.stage("environments"):
            version = None if source_name is None else source_name.version
            home = _provide(reference.framework, version, progress)
            away = _provide(target_name.framework, target_name.version, progress)
        open_worker = _Workers(stack, request)
        source_worker = open_worker(home)
        builder, prover = open_worker(away), open_worker(away)
        with clock.stage("export"), progress.stage(f"load from {reference.framework}"):
            source = sources.load(reference, source_worker, request, scratch)
        with clock.stage("canonicalize"), progress.stage("canonical ONNX"):
            model = canonicalize(source.onnx)
            canonical = scratch / "canonical.onnx"
            save(model, canonical)
            signature = signature_of(model)
        plan = proof.plan(canonical, signature, reference.architecture, request, scratch)
        checker = open_worker(_provide("onnx", None, progress))
        evidence = proof.Evidence(plan, checker, source_worker)
        aside = stack.enter_context(output.staged(folder))
        with clock.stage("lower"), progress.stage(f"lower to {target_name.framework}"):
            target = targets.lower(model, target_name.framework, aside, request)
        evidence.start()
        with clock.stage("build"), progress.stage(f"build in {target_name.framework}"):
            targets.build(target, builder)
        with clock.stage("verify"), progress.stage("compare with the source") as update:
            parity = evidence.judge(target, prover, update)
        with clock.stage("latency"), progress.stage("measure latency"):
            latency = proof.latency(plan, source_worker, prover, target)
        with clock.stage("write"):
            document = conversion_record(
                request=request, reference=reference, source=source, source_environment=home,
                target=target, target_environment=away, signature=signature, parity=parity,
                latency=latency, folder=aside, seconds=clock.seconds(),
                peak_memory=open_worker.peak_memory(),
            )  # fmt: skip
            manifest.write(document, aside)
    return Conversion(folder, document)
