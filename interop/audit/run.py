"""The whole audit: what the file says, every backend tried, timed where it is right, fewer bits tried."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interop import conversion
from interop.audit import policy as policies
from interop.audit.ledger import ARTIFACTS, LEDGER, Ledger, begun, check_begins
from interop.audit.record import audit_record
from interop.audit.static import static_audit
from interop.audit.tries import Tries, facts_of
from interop.audit.ways import Way, ranked, way
from interop.backends import Backend
from interop.bench.grading import Graded, Settings
from interop.bench.measure import Effort
from interop.bench.subject import SETS, Subject, load
from interop.checks.homes import Homes
from interop.checks.labels import check_inputs
from interop.output import staged, write_json
from interop.progress import Progress, Silent

#: Tried where nobody says otherwise: what is deployed today, on a processor.
USUAL = ("onnxruntime:cpu", "openvino:cpu", "torch:cpu", "tensorflow:cpu", "jax:cpu", "tflite:cpu")

#: Processes of each contender, and seconds of measuring.
EFFORT = Effort(processes=3, seconds=3.0)


#: The record, which is there where an audit was finished.
DOCUMENT = "audit.json"


@dataclass(frozen=True)
class AuditRequest:
    """`model` as a conversion takes one; on: where it is tried; policy: what is required of it;
    resume: of an audit that was finished, run what has changed since; ignore_memory: try what will not
    fit; labels: a file with what is right for each row of the model's own inputs."""

    model: conversion.Request
    on: tuple[Backend, ...]
    output: Path
    policy: Path | None = None
    effort: Effort = field(default=EFFORT)
    resume: bool = False
    ignore_memory: bool = False
    labels: Path | None = None


@dataclass(frozen=True)
class Audit:
    """What came of it: the folder on disk and the record in it."""

    folder: Path
    document: dict[str, Any]

    @property
    def exit_code(self) -> int:
        return int(self.document["exit_code"])


def run(
    request: AuditRequest, progress: Progress | None = None, homes: Homes | None = None
) -> Audit:
    """Carry out `request`; its record and renderings lie on disk when this returns.

    homes: the environments of its backends, where somebody has them already. One that was killed
    goes on where it ended. Raises UsageError and OutputError before any work is
    done, and what loading the model raises; then nothing new is left on disk, and no process.
    """
    progress = progress or Silent()
    model, folder = request.model, request.output
    check_inputs(request.labels, own=model.data is not None)
    check_begins(folder, DOCUMENT, force=model.force, resume=request.resume)
    policy = None if request.policy is None else policies.read(request.policy)
    with begun(folder, force=model.force) as scratch:
        homes = homes or Homes(request.on, progress)  # made while the model is exported
        subject = load(model, scratch, progress, SETS if request.labels is None else None)
        with progress.stage("read the model"):
            static = static_audit(subject.exported, subject.canonical, _sizes(subject))
        ledger = Ledger(folder / LEDGER, facts_of(subject, model.seed, request.labels))
        settings = Settings(model.timeout, model.seed, _for_artifacts(folder))
        tries = Tries(request, subject, static, homes, settings, ledger, progress)
        graded = tries.grades()
        timing = tries.timing(graded)
        ways = ranked(_ways(model.model, graded, timing))
        document = audit_record(request, subject, static, ways, tries.fewer_bits(), timing, policy)
        _write(document, folder)
    return Audit(folder, document)


def _for_artifacts(folder: Path) -> Path:
    """Where what is converted is kept until the audit is finished, without what a killed one was at."""
    artifacts = folder / ARTIFACTS
    artifacts.mkdir(exist_ok=True)
    for half in [*artifacts.glob("runner-*"), *artifacts.glob(".*")]:
        shutil.rmtree(half)
    return artifacts


def _ways(model: str, graded: Mapping[Backend, Graded], timing: Mapping[str, Any]) -> list[Way]:
    (point, *_) = timing["points"]
    rows = {row["name"]: row for row in point["contenders"]}
    return [
        way(model, backend, one, rows.get(str(backend)), point["reference"])
        for backend, one in graded.items()
    ]


def _sizes(subject: Subject) -> dict[str, int]:
    """What the open dimensions are in the first set of inputs."""
    first = subject.plan.sets[0].arrays
    return {
        dim: int(size)
        for spec in subject.signature.inputs
        for dim, size in zip(spec.shape or (), first[spec.name].shape, strict=False)
        if isinstance(dim, str)
    }


def _write(document: dict[str, Any], folder: Path) -> None:
    from interop.report.audit import junit, markdown
    from interop.report.audit_page import page
    from interop.report.audit_sarif import sarif

    with staged(folder) as aside:
        write_json(document, aside / DOCUMENT)
        (aside / "audit.md").write_text(markdown(document), encoding="utf-8")
        (aside / "audit.xml").write_text(junit(document), encoding="utf-8")
        write_json(sarif([document]), aside / "audit.sarif")
        (aside / "index.html").write_text(page(document), encoding="utf-8")
        if (folder / LEDGER).exists():
            shutil.copy(folder / LEDGER, aside)
