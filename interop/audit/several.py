"""Several models audited by one command: each as if alone, in a folder of its own; then one index."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interop.audit import policy as policies
from interop.audit.difference import SCHEMA_VERSION
from interop.audit.ledger import check_finished
from interop.audit.listing import Entry
from interop.audit.record import POLICY_BROKEN
from interop.audit.run import EFFORT, AuditRequest, run
from interop.backends import Backend
from interop.bench.measure import Effort
from interop.checks.homes import Homes
from interop.errors import InteropError, ParityFailed
from interop.output import check_free, disk_errors, write_json_whole, write_text_whole
from interop.progress import Progress
from interop.record import host_versions, machine
from interop.report.audit import headline

#: The index, which is there where all of them were audited.
DOCUMENT = "audits.json"

#: What is worse than any other end.
_WORST = (ParityFailed.exit_code, POLICY_BROKEN)


@dataclass(frozen=True)
class SeveralRequest:
    """As AuditRequest, of several models; output: the folder that theirs are in."""

    models: tuple[Entry, ...]
    on: tuple[Backend, ...]
    output: Path
    policy: Path | None = None
    effort: Effort = field(default=EFFORT)
    force: bool = False
    resume: bool = False
    ignore_memory: bool = False


def run_all(
    request: SeveralRequest, progress: Progress, tell: Callable[[Mapping[str, Any]], None]
) -> dict[str, Any]:
    """Audit them one after the other; returns the index, which lies on disk with its renderings.

    What goes wrong with one is its row; `tell` is called with each row when it is there. What was
    killed goes on where it ended. Raises UsageError and OutputError before any work is done.
    """
    folder = request.output
    check_finished(folder, DOCUMENT, force=request.force, resume=request.resume)
    names = {entry.name for entry in request.models}
    ours = folder.is_dir() and ({path.name for path in folder.iterdir()} & {*names, DOCUMENT})
    check_free(folder, force=request.force or bool(ours))
    if request.policy is not None:
        policies.read(request.policy)  # before the long part, which ends in it
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
    homes = Homes(request.on, progress)
    rows: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    for entry in request.models:
        row, record = _audited(entry, request, homes, progress)
        rows.append(row)
        records += [record] if record else []
        tell(row)
    document = _index(rows, request.on)
    _write(document, records, folder)
    return document


def _audited(
    entry: Entry, request: SeveralRequest, homes: Homes, progress: Progress
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its row, and its record, which is empty where there is none."""
    start = time.perf_counter()
    try:
        with progress.stage(f"fetch {entry.name}"):
            model = entry.ready()
        one = AuditRequest(
            model, request.on, request.output / entry.name, request.policy, request.effort,
            resume=not request.force, ignore_memory=request.ignore_memory, labels=entry.labels,
        )  # fmt: skip
        record = run(one, progress, homes).document
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is a row, and not the end
        return _failed(entry, error, time.perf_counter() - start), {}
    return _row(entry, record, time.perf_counter() - start), record


def _row(entry: Entry, record: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    return {
        "name": entry.name,
        "model": entry.text,
        "framework": record["model"]["framework"],
        "folder": entry.name,
        "exit_code": record["exit_code"],
        "passes": record["passes"],
        "sentence": headline(record),
        "next_step": "",
        "seconds": round(seconds, 2),
        "parameters": record["static"]["facts"]["parameters"],
        "backends": [_backend(row) for row in record["backends"]],
    }


def _backend(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("backend", "grade", "passes", "unavailable", "exit_code", "effective_bits", "sentence")
    latency = row["latency"]
    return {**{key: row[key] for key in kept}, "median": latency and latency["median"]}


def _failed(entry: Entry, error: Exception, seconds: float) -> dict[str, Any]:
    known = isinstance(error, InteropError)
    return {
        "name": entry.name,
        "model": entry.text,
        "framework": None,
        "folder": None,
        "exit_code": error.exit_code if isinstance(error, InteropError) else 1,
        "passes": False,
        "sentence": str(error) if known else f"{type(error).__name__}: {error}",
        "next_step": error.hint if isinstance(error, InteropError) else "",
        "seconds": round(seconds, 2),
        "parameters": None,
        "backends": [],
    }


def _index(rows: Sequence[dict[str, Any]], on: Iterable[Backend]) -> dict[str, Any]:
    """The document that is written to audits.json; every value is of a JSON type."""
    codes = {row["exit_code"] for row in rows}
    code = next((one for one in _WORST if one in codes), max(codes))
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "audits",
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "on": [str(backend) for backend in on],
        "models": list(rows),
        "exit_code": code,
        "passes": code == 0,
        "versions": host_versions(),
        "machine": machine(),
    }


def _write(document: dict[str, Any], records: Sequence[dict[str, Any]], folder: Path) -> None:
    from interop.report.audit_sarif import sarif
    from interop.report.audits import junit, markdown
    from interop.report.audits_page import page

    write_text_whole(page(document), folder / "index.html")
    write_text_whole(markdown(document), folder / "audits.md")
    write_text_whole(junit(document), folder / "audits.xml")
    write_json_whole(sarif(records), folder / "audits.sarif")
    write_json_whole(document, folder / DOCUMENT)  # the last: it says that all is there
