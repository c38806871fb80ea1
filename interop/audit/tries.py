"""What an audit runs: a grade on every backend, their latency, fewer bits. What the ledger has of it
is not run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interop.audit.accuracy import accuracy
from interop.audit.ledger import Ledger
from interop.audit.memory import check_backend, check_truth
from interop.audit.static import StaticAudit
from interop.audit.variants import PRECISIONS, Variant, variant
from interop.backends import Backend
from interop.bench.grading import (
    Graded,
    Settings,
    check_gradable,
    failed,
    find_truth,
    grade_on,
    made_ready,
)
from interop.bench.run import Request as Timing
from interop.bench.run import timed
from interop.bench.subject import Subject
from interop.checks.homes import Homes
from interop.checks.labels import Labels, read_labels
from interop.errors import (
    InteropError,
    InvalidModel,
    MemoryShort,
    ParityFailed,
    UnsupportedOperator,
)
from interop.output import digest
from interop.progress import Progress
from interop.record import host_versions, machine

if TYPE_CHECKING:
    from interop.audit.run import AuditRequest

#: Ends that would come again: passed, another function, refused. Others may be of the moment.
SETTLED = {
    0, ParityFailed.exit_code, UnsupportedOperator.exit_code, InvalidModel.exit_code,
}  # fmt: skip

_KEPT = ("why", "hint", "exit_code", "grade", "version", "bytes", "convert", "accuracy")


def facts_of(subject: Subject, seed: int, labels: Path | None = None) -> dict[str, Any]:
    """What decides every row of an audit: the model as backends get it, the inputs and what is right for
    them, the seed, and the versions of what grades."""
    beside = subject.canonical.with_name(f"{subject.canonical.name}.data")
    return {
        "model": [digest(path) for path in (subject.canonical, beside) if path.exists()],
        "inputs": digest(subject.plan.folder / "inputs"),
        "labels": None if labels is None else digest(labels),
        "seed": seed,
        "versions": host_versions(),
    }


@dataclass
class Tries:
    """The rows of one model. settings.scratch: where what is converted is kept for another run."""

    request: AuditRequest
    subject: Subject
    static: StaticAudit
    homes: Homes
    settings: Settings
    ledger: Ledger
    progress: Progress
    _truth_is_there: bool = False
    _labels: Labels | None = None

    def grades(self) -> dict[Backend, Graded]:
        """A row for each backend, whatever went wrong there.

        Raises UsageError for a model that draws random numbers, MemoryShort where the truth of one
        that is to be run does not fit.
        """
        check_gradable(self.subject.plan)
        return {backend: self._grade(backend) for backend in self.request.on}

    def timing(self, graded: Mapping[Backend, Graded]) -> dict[str, Any]:
        """The bench's record of those that pass. Their ratios are of what ran side by side, so it is
        one row: where one of them has changed, all are timed again."""
        key = {
            "on": {str(b): row.version for b, row in graded.items() if row.passes},
            "effort": vars(self.request.effort),
            "machine": machine(),
        }
        kept = self.ledger.find("timing", **key)
        if kept is not None:
            return kept
        ready = {backend: self._ready(backend, row) for backend, row in graded.items()}
        request = Timing(self.request.model, self.request.on, effort=self.request.effort)
        record = _without_runs(
            timed(request, self.subject, ready, self.settings.scratch, self.progress)
        )
        if all(row["exit_code"] in SETTLED for row in record["points"][0]["contenders"]):
            self.ledger.keep("timing", record, **key)
        return record

    def fewer_bits(self) -> list[Variant]:
        """Each precision made and graded."""
        return [self._variant(precision) for precision in PRECISIONS]

    def _grade(self, backend: Backend) -> Graded:
        key = {"backend": str(backend), "version": self._version(backend)}
        kept = self.ledger.find("backend", **key)
        if kept is not None:
            return Graded(**kept)
        self._find_truth()
        try:
            if not self.request.ignore_memory:
                check_backend(backend, self.static)
        except MemoryShort as error:
            return failed(error, Graded(version=key["version"]))
        row = grade_on(backend, self.subject.plan, self.homes, self.settings, self.progress)
        if self._labels is not None and row.outputs:
            made = accuracy(self.subject.plan, self._labels, row.outputs)
            row = replace(row, accuracy=made.to_json())
        if row.exit_code in SETTLED:
            self.ledger.keep("backend", {name: getattr(row, name) for name in _KEPT}, **key)
        return row

    def _version(self, backend: Backend) -> str:
        """Of what runs it; empty where there is none, which its row will say."""
        try:
            return self.homes.of(backend).version
        except InteropError:
            return ""

    def _ready(self, backend: Backend, row: Graded) -> Graded:
        if row.ready is not None or not row.passes:
            return row
        return made_ready(backend, row, self.subject.plan, self.homes, self.settings, self.progress)

    def _variant(self, precision: str) -> Variant:
        kept = self.ledger.find("variant", precision=precision)
        if kept is not None:
            return Variant(**kept)
        self._find_truth()
        made = variant(precision, self.subject.plan, self.settings, self.progress, self._labels)
        if made.effective_bits is not None:
            self.ledger.keep("variant", made.to_json(), precision=precision)
        return made

    def _find_truth(self) -> None:
        if not self._truth_is_there:
            if not self.request.ignore_memory:
                check_truth(self.static)
            plan, labels = self.subject.plan, self.request.labels
            find_truth(plan, self.settings, self.progress)
            self._truth_is_there = True
            if labels is not None:
                self._labels = read_labels(labels, plan, plan.outputs("truth"))


def _without_runs(record: Mapping[str, Any]) -> dict[str, Any]:
    """The seconds of every single run are for the bench's plots alone."""
    points = [
        {**point, "contenders": [{**row, "seconds": []} for row in point["contenders"]]}
        for point in record["points"]
    ]
    return {**record, "points": points}
