"""The JSON document that an audit ends in."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interop.audit.difference import SCHEMA_VERSION
from interop.audit.policy import Policy
from interop.audit.static import StaticAudit
from interop.audit.variants import Variant
from interop.audit.ways import Way
from interop.bench.subject import Subject
from interop.errors import ParityFailed
from interop.record import host_versions, machine

if TYPE_CHECKING:
    from interop.audit.run import AuditRequest

#: Exit codes: of an audit that breaks the policy it was given, of a diff in which something got worse.
POLICY_BROKEN, GOT_WORSE = 10, 11


def audit_record(
    request: AuditRequest,
    subject: Subject,
    static: StaticAudit,
    ways: Sequence[Way],
    variants: Sequence[Variant],
    timing: Mapping[str, Any],
    policy: Policy | None,
) -> dict[str, Any]:
    """The document that is written to audit.json; every value is of a JSON type.

    Without a policy, it passes where every backend that could be tried does; with one, the policy
    alone decides.
    """
    (point, *_) = timing["points"]
    reference = subject.reference
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": "audit",
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "model": {
            "name": reference.name,
            "reference": reference.text,
            "framework": reference.framework,
            "notes": list(subject.notes),
        },
        "inputs": [one.to_json() for one in subject.plan.sets],
        "static": static.to_json(),
        "backends": [one.to_json() for one in ways],
        "timing": {
            "over": point["reference"],
            "threads": point["threads"],
            "inputs": point["inputs"],
            "sentence": _clock(point),
            "warnings": timing["noise"]["warnings"],
        },
        "variants": [one.to_json() for one in variants],
        "versions": host_versions(),
        "machine": machine(),
    }
    record["policy"] = _judged(policy, record)
    record["exit_code"] = _exit_code(record, ways)
    record["passes"] = record["exit_code"] == 0
    return record


def _clock(point: Mapping[str, Any]) -> str:
    shapes = ", ".join(f"{name} {shape}" for name, shape in point["inputs"].items())
    threads = f"{point['threads']} thread{'s' if point['threads'] > 1 else ''}"
    return f"{point['clock']['title'].capitalize()}: {point['clock']['what']}; {shapes}, {threads}."


def _judged(policy: Policy | None, record: Mapping[str, Any]) -> dict[str, Any] | None:
    if policy is None:
        return None
    return {
        "file": policy.path.name,
        "rules": list(policy.required),
        "violations": [one.to_json() for one in policy.judge(record)],
    }


def _exit_code(record: Mapping[str, Any], ways: Sequence[Way]) -> int:
    if record["policy"] is not None:
        return POLICY_BROKEN if record["policy"]["violations"] else 0
    tried = [one for one in ways if not one.unavailable]
    if any(one.grade is not None and not one.passes for one in tried):
        return ParityFailed.exit_code
    return next((one.exit_code for one in tried if not one.passes), 0)
