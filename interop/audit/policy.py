"""What a team requires of a model before it ships: a TOML file, one table, one row a rule here.

    [require]
    backends = ["onnxruntime:cpu", "tensorflow:cpu"]   # each is tried, and passes
    grade = "A"                                        # of each of these, at least
    ratio = 1.5                                        # of each one's latency over the fastest, at most
    bytes = 50_000_000                                 # of the model with its weights, at most
    operations = 5_000_000_000                         # of one run, at most
    licences = ["Apache-2.0", "MIT"]                   # it names one of them
    without = ["custom-operator", "random-operator"]   # findings that it must not have
    targets = ["web-webgpu"]                           # whose operators cover it
    variants = { int8-static = 6.0 }                   # effective bits that a precision keeps
    accuracy = { int8-static = 0.92 }                  # of a precision or a backend, at least (--labels)

A rule that is not there requires nothing. Everything is judged on the audit's record alone.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.audit.rules import RULES as FINDINGS
from interop.audit.support import names as targets
from interop.errors import UsageError
from interop.parity.verdict.grade import LETTERS, rank

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Violation:
    """A rule that is broken, and by what."""

    rule: str
    sentence: str

    def to_json(self) -> dict[str, str]:
        return dict(vars(self))


@dataclass(frozen=True)
class Rule:
    """`expects` says in words what its value is; `fits` whether one is; `judge` yields what breaks it."""

    expects: str
    fits: Callable[[Any], bool]
    judge: Callable[[Any, Policy, Record], Iterator[str]]


@dataclass(frozen=True)
class Policy:
    """The rules of one file, each with its value."""

    path: Path
    required: Mapping[str, Any]

    def judge(self, record: Record) -> tuple[Violation, ...]:
        """What the audit with that record breaks, in the order of the rules."""
        return tuple(
            Violation(name, sentence)
            for name, rule in RULES.items()
            if name in self.required
            for sentence in rule.judge(self.required[name], self, record)
        )


def read(path: Path) -> Policy:
    """Raises UsageError where it cannot be read, holds a rule that there is not, or a value that
    does not fit its rule."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the policy {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the policy {path} is no TOML: {error}", hint="`interop audit --help` shows its form."
        ) from error
    required = content.get("require")
    if set(content) != {"require"} or not isinstance(required, dict) or not required:
        raise UsageError(
            f"the policy {path} must hold one table, [require], with rules in it",
            hint=f"Rules: {', '.join(RULES)}.",
        )
    for name, value in required.items():
        _check(path, name, value)
    return Policy(path, required)


def _check(path: Path, name: str, value: Any) -> None:
    rule = RULES.get(name)
    if rule is None:
        near = difflib.get_close_matches(name, RULES, n=1)
        raise UsageError(
            f"the policy {path} has an unknown rule '{name}'",
            hint=(f"Did you mean {near[0]}? " if near else "") + f"Rules: {', '.join(RULES)}.",
        )
    if not rule.fits(value):
        raise UsageError(
            f"the policy {path}: '{name}' is {value!r}, and should be {rule.expects}",
            hint="Correct it; nothing was judged.",
        )


def _rows(record: Record) -> dict[str, Record]:
    return {row["backend"]: row for row in record["backends"]}


def _named(policy: Policy, record: Record) -> Iterator[Record]:
    """The rows that the policy speaks of: those of `backends`, else all."""
    rows = _rows(record)
    return (rows[name] for name in policy.required.get("backends", rows) if name in rows)


def _backends(wanted: list[str], policy: Policy, record: Record) -> Iterator[str]:
    rows = _rows(record)
    for name in wanted:
        if name not in rows:
            yield f"{name} was not tried: name it with --on"
        elif not rows[name]["passes"]:
            yield f"{name} does not pass: {rows[name]['sentence']}"


def _grade(least: str, policy: Policy, record: Record) -> Iterator[str]:
    for row in _named(policy, record):
        if rank(row["grade"]) > rank(least):
            yield f"{row['backend']} has grade {row['grade'] or 'none'}, required is {least}"


def _ratio(most: float, policy: Policy, record: Record) -> Iterator[str]:
    for row in _named(policy, record):
        latency = row["latency"]
        if latency is None:
            yield f"{row['backend']} was not timed"
        elif latency["low"] > most:
            yield (
                f"{row['backend']} takes {latency['ratio']:.2f} times the fastest "
                f"(95 % from {latency['low']:.2f}), at most {most} is allowed"
            )


def _bytes(most: int, policy: Policy, record: Record) -> Iterator[str]:
    facts = record["static"]["facts"]
    size = facts["bytes"] + sum(one["bytes"] for one in facts["external"])
    if size > most:
        yield f"it has {size:,} bytes, at most {most:,} are allowed"


def _operations(most: int, policy: Policy, record: Record) -> Iterator[str]:
    cost = record["static"]["cost"]
    if cost is None or cost["uncounted"]:
        yield "its operations could not be counted whole"
    elif cost["operations"] > most:
        yield f"one run takes {cost['operations']:,} operations, at most {most:,} are allowed"


def _licences(allowed: list[str], policy: Policy, record: Record) -> Iterator[str]:
    said = {k.lower(): v for k, v in record["static"]["facts"]["metadata"].items()}
    licence = said.get("license", said.get("licence"))
    if licence is None:
        yield "it names no licence"
    elif licence not in allowed:
        yield f"its licence is {licence}, allowed are {', '.join(allowed)}"


def _without(unwanted: list[str], policy: Policy, record: Record) -> Iterator[str]:
    for one in record["static"]["findings"]:
        if one["rule"] in unwanted:
            yield f"{one['rule']}: {one['sentence']}"


def _targets(wanted: list[str], policy: Policy, record: Record) -> Iterator[str]:
    for row in record["static"]["targets"]:
        if row["target"] in wanted and not row["runs"]:
            lacking = ", ".join(gap["operator"] for gap in row["gaps"] if gap["blocks"])
            yield f"{row['title']} does not take {lacking}"


def _variants(least: dict[str, float], policy: Policy, record: Record) -> Iterator[str]:
    rows = {row["precision"]: row for row in record["variants"]}
    for precision, bits in least.items():
        row = rows.get(precision)
        if row is None or row["effective_bits"] is None:
            yield f"{precision} was not measured"
        elif row["effective_bits"] < bits:
            yield f"{precision} keeps {row['effective_bits']:.1f} bits, required are {bits}"


def _accuracy(least: dict[str, float], policy: Policy, record: Record) -> Iterator[str]:
    rows = {row["precision"]: row for row in record["variants"]} | _rows(record)
    for name, share in least.items():
        found = rows[name]["accuracy"] if name in rows else None
        if found is None or found["right"] is None:
            yield f"how often {name} is right was not measured"
        elif found["right"] < share:
            yield f"{name} is right in {found['right']:.2%}, required is {share:.2%}"


def _words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _among(known: Callable[[], list[str]]) -> Callable[[Any], bool]:
    return lambda value: _words(value) and set(value) <= set(known())


def _kinds() -> list[str]:
    return [rule.name for rule in FINDINGS]


def _numbers(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_number, value.values()))


def _shares(value: Any) -> bool:
    return _numbers(value) and max(value.values()) <= 1


RULES: Mapping[str, Rule] = {
    "backends": Rule("a list of backends", _words, _backends),
    "grade": Rule(f"one of {', '.join(LETTERS)}", lambda value: value in LETTERS, _grade),
    "ratio": Rule("a number above 0", _number, _ratio),
    "bytes": Rule("a number above 0", _number, _bytes),
    "operations": Rule("a number above 0", _number, _operations),
    "licences": Rule("a list of licences", _words, _licences),
    "without": Rule(f"a list of {', '.join(_kinds())}", _among(_kinds), _without),
    "targets": Rule(f"a list of {', '.join(targets())}", _among(targets), _targets),
    "variants": Rule("a table of precisions and bits", _numbers, _variants),
    "accuracy": Rule("a table of precisions or backends and shares", _shares, _accuracy),
}
