"""An audit as SARIF 2.1.0, for tools that collect what analyses find (OASIS, Static Analysis Results
Interchange Format): the file's findings, the backends on which it failed, the demands it breaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from interop.audit.policy import RULES as DEMANDS
from interop.audit.rules import RULES as FINDINGS
from interop.errors import (
    InvalidModel,
    MemoryShort,
    ParityFailed,
    UnsupportedOperator,
    WorkerCrashed,
    WorkerTimedOut,
)

Record = Mapping[str, Any]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

LEVELS = {"blocks": "error", "warns": "warning", "informs": "note"}

#: What goes wrong on a backend, by its exit code: (rule, about). Whatever is not here is the last.
FAILURES = {
    ParityFailed.exit_code: ("backend-parity", "a backend computes another function"),
    UnsupportedOperator.exit_code: ("backend-operator", "a backend lacks an operator of it"),
    InvalidModel.exit_code: ("backend-refusal", "a backend does not load it"),
    WorkerCrashed.exit_code: ("backend-crash", "a backend's process died"),
    MemoryShort.exit_code: ("backend-memory", "a backend needs more memory for it than there is"),
    WorkerTimedOut.exit_code: ("backend-time", "a backend ran past its limit"),
}
OTHER = ("backend-failure", "it could not be run on a backend")


def sarif(records: Iterable[Record]) -> dict[str, Any]:
    """The log of one audit, or of several: a run each."""
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(record) for record in records]}


def _run(record: Record) -> dict[str, Any]:
    rules = _rules()
    places = {rule["id"]: index for index, rule in enumerate(rules)}
    results = [*_findings(record), *_failures(record), *_violations(record)]
    return {
        "tool": {"driver": {"name": "interop", "version": version("interop"), "rules": rules}},
        "automationDetails": {"id": f"interop audit/{quote(record['model']['name'])}/"},
        "artifacts": [{"location": _location(record)}],
        "results": [{**one, "ruleIndex": places[one["ruleId"]]} for one in results],
    }


def _rules() -> list[dict[str, Any]]:
    told = [(rule.name, rule.about) for rule in FINDINGS]
    told += [*FAILURES.values(), OTHER]
    told += [
        (f"policy-{name}", f"the policy demands {rule.expects}") for name, rule in DEMANDS.items()
    ]
    return [{"id": name, "shortDescription": {"text": about}} for name, about in told]


def _findings(record: Record) -> Iterator[dict[str, Any]]:
    for one in record["static"]["findings"]:
        words = f"{one['sentence']} {one['next_step']}".strip()
        yield _result(record, one["rule"], LEVELS[one["severity"]], words, one["where"])


def _failures(record: Record) -> Iterator[dict[str, Any]]:
    """What this machine lacks is no fault of the model, and not told."""
    for row in record["backends"]:
        if not row["passes"] and not row["unavailable"]:
            rule, _ = FAILURES.get(row["exit_code"], OTHER)
            words = " ".join([f"{row['backend']}: {row['sentence']}", *row["next_steps"]])
            yield _result(record, rule, "error", words, [row["backend"]])


def _violations(record: Record) -> Iterator[dict[str, Any]]:
    for one in record["policy"]["violations"] if record["policy"] else ():
        words = f"{one['sentence']} ({record['policy']['file']})"
        yield _result(record, f"policy-{one['rule']}", "error", words, [])


def _result(
    record: Record, rule: str, level: str, words: str, where: Iterable[str]
) -> dict[str, Any]:
    place: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {**_location(record), "index": 0}}
    }
    logical = [{"name": name} for name in where]
    if logical:
        place["logicalLocations"] = logical
    return {"ruleId": rule, "level": level, "message": {"text": words}, "locations": [place]}


def _location(record: Record) -> dict[str, Any]:
    return {"uri": quote(PurePath(record["model"]["reference"]).as_posix())}
