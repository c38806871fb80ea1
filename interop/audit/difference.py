"""Two audits of one model, an old and a new one: what got worse, what got better, noise left out.

A change counts where it is more than what the same model shows from run to run: a grade, a refusal,
a finding always do; effective bits by more than `BITS`; latency where the intervals of the two
ratios do not meet (each is over the same backend of its own audit, so that two machines can be
compared); sizes by more than `SIZE`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.errors import InvalidModel, UsageError
from interop.parity.verdict.grade import rank

SCHEMA_VERSION = 2

#: Effective bits that another draw of the floor's runs may move.
BITS = 1.0
#: Share of the old size, or operations, by which a new one may grow.
SIZE = 0.01

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """`kind` is "worse", "better" or "other"; `what` names the backend, finding or figure."""

    kind: str
    what: str
    sentence: str

    def to_json(self) -> dict[str, str]:
        return dict(vars(self))


def read(path: Path) -> Record:
    """An audit's record from its JSON file.

    Raises InvalidModel where it cannot be read, UsageError where it is none, or of another schema.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidModel(f"{path} cannot be read: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidModel(
            f"{path} is no JSON, or is truncated: {error}",
            hint="Write it anew: interop audit MODEL -o FOLDER",
        ) from error
    if not isinstance(record, dict) or record.get("kind") != "audit":
        raise UsageError(
            f"{path} holds no audit", hint="It is the audit.json that `interop audit` writes."
        )
    if record.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(
            f"{path} has schema {record.get('schema_version')}, known here is {SCHEMA_VERSION}",
            hint="Audit both again with one version of interop.",
        )
    return record


def changes(old: Record, new: Record) -> tuple[Change, ...]:
    """What differs, what got worse first."""
    found = [*_backends(old, new), *_findings(old, new), *_targets(old, new), *_sizes(old, new)]
    order = ("worse", "better", "other")
    return tuple(sorted(found, key=lambda change: order.index(change.kind)))


def _backends(old: Record, new: Record) -> Iterator[Change]:
    before = {row["backend"]: row for row in old["backends"]}
    after = {row["backend"]: row for row in new["backends"]}
    comparable = old["timing"]["over"] == new["timing"]["over"]
    for name, was in before.items():
        row = after.get(name)
        if row is None:
            yield Change("worse", name, "it is no longer tried")
            continue
        yield from _graded(name, was, row)
        yield from _right(name, was["accuracy"], row["accuracy"])
        if comparable:
            yield from _timed(name, was, row)
        if was["version"] != row["version"]:
            yield Change("other", name, f"version {was['version']} → {row['version']}")
    for name in after.keys() - before.keys():
        yield Change("other", name, "it is tried for the first time")


def _graded(name: str, was: Record, row: Record) -> Iterator[Change]:
    old, new = rank(was["grade"]), rank(row["grade"])
    if old != new:
        kind = "worse" if new > old else "better"
        yield Change(
            kind,
            name,
            f"grade {was['grade'] or 'none'} → {row['grade'] or 'none'}: {row['sentence']}",
        )
        return
    bits = was["effective_bits"], row["effective_bits"]
    if None not in bits and abs(bits[1] - bits[0]) > BITS:
        kind = "worse" if bits[1] < bits[0] else "better"
        yield Change(kind, name, f"effective bits {bits[0]:.1f} → {bits[1]:.1f}")


def _right(name: str, was: Record | None, now: Record | None) -> Iterator[Change]:
    """Of the same rows; one of them is what rounding may decide."""
    if not was or not now or was["rows"] != now["rows"] or was["problem"] or now["problem"]:
        return
    rows = round((now["right"] - was["right"]) * now["rows"])
    if abs(rows) > 1:
        told = f"right in {was['right']:.1%} → {now['right']:.1%} of {now['rows']} rows"
        yield Change("worse" if rows < 0 else "better", name, told)


def _timed(name: str, was: Record, row: Record) -> Iterator[Change]:
    old, new = was["latency"], row["latency"]
    if old is None or new is None:
        return
    text = f"latency {old['ratio']:.2f} → {new['ratio']:.2f} times that of {{}}"
    if new["low"] > old["high"]:
        yield Change("worse", name, text.format(new["over"]))
    elif new["high"] < old["low"]:
        yield Change("better", name, text.format(new["over"]))


def _findings(old: Record, new: Record) -> Iterator[Change]:
    before = {(f["rule"], f["sentence"]): f for f in old["static"]["findings"]}
    after = {(f["rule"], f["sentence"]): f for f in new["static"]["findings"]}
    for key in after.keys() - before.keys():
        kind = "other" if after[key]["severity"] == "informs" else "worse"
        yield Change(kind, key[0], f"new: {key[1]}")
    for key in before.keys() - after.keys():
        kind = "other" if before[key]["severity"] == "informs" else "better"
        yield Change(kind, key[0], f"gone: {key[1]}")


def _targets(old: Record, new: Record) -> Iterator[Change]:
    before = {row["target"]: row for row in old["static"]["targets"]}
    for row in new["static"]["targets"]:
        was = before.get(row["target"])
        if was is not None and was["runs"] != row["runs"]:
            word = "takes all of it now" if row["runs"] else "no longer takes all of it"
            yield Change("better" if row["runs"] else "worse", row["target"], word)


def _sizes(old: Record, new: Record) -> Iterator[Change]:
    for what, size in (("weights", _weights), ("operations", _operations)):
        was, now = size(old), size(new)
        if was and now and abs(now - was) > SIZE * was:
            yield Change("worse" if now > was else "better", what, f"{was:,} → {now:,}")


def _weights(record: Record) -> int:
    return int(record["static"]["facts"]["weight_bytes"])


def _operations(record: Record) -> int | None:
    cost = record["static"]["cost"]
    return None if cost is None else int(cost["operations"])
