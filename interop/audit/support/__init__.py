"""Which operators a deployment target takes, as tables with their sources.

`<target>.tsv`: lines that begin with "#" say what it is (`title`, `source`, `version`); the others are
operator, opsets, types, note. Opsets are those of the operator's own versions, "7-12,13+"; types,
where the source names any, are ONNX's element types of its inputs and outputs. An operator that has no line
is not taken, unless the standard defines it by simpler ones and the target `expands` those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import onnx

from interop.audit.facts import Operator

HERE = Path(__file__).parent

#: ONNX Runtime guarantees nothing below it (its compatibility page).
OLDEST_OPSET = 7

#: Types that are computed in. Tables are not whole where a type is no choice (indices, conditions).
COMPUTED = frozenset(
    {"bfloat16", "complex128", "complex64", "double", "float", "float16", "float4e2m1",
     "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "string"}
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """What a target says of one operator. `spans`: (first, last or None) of the operator's versions;
    empty where the source names none, as `types`."""

    operator: str
    spans: tuple[tuple[int, int | None], ...]
    types: frozenset[str]
    note: str

    def takes(self, version: int) -> bool:
        """Opset 7 is where tables begin: some count an operator's older version as that of 7."""
        seen = max(version, OLDEST_OPSET)
        return not self.spans or any(
            first <= seen and (last is None or seen <= last) for first, last in self.spans
        )


@dataclass(frozen=True)
class Table:
    """One target: what it takes, and where that is written."""

    name: str
    title: str
    source: str
    version: str
    falls_back: bool  # whether another provider of the same session runs what this one does not
    static: bool  # whether it wants every size fixed
    expands: bool  # whether it runs the standard's own function body of what it does not know
    widens: bool  # whether float16 that an operator lacks is computed in float32
    entries: Mapping[str, Entry]


@dataclass(frozen=True)
class Gap:
    """An operator that the target does not take, or takes with a condition (`note`)."""

    operator: Operator
    reason: str
    blocks: bool


def names() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.tsv"))


@cache
def table(name: str) -> Table:
    """The table of that target."""
    head: dict[str, str] = {}
    entries: dict[str, Entry] = {}
    for line in (HERE / f"{name}.tsv").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            key, _, value = line.lstrip("# ").partition(": ")
            head[key] = value
            continue
        operator, opsets, types, note = line.split("\t")
        spans = tuple(_span(text) for text in opsets.split(",") if text)
        entries[operator] = Entry(operator, spans, frozenset(filter(None, types.split(","))), note)

    def said(key: str) -> bool:
        return head[key] == "yes"

    return Table(
        name, head["title"], head["source"], head["version"],
        said("falls back"), said("static"), said("expands"), said("widens"), entries,
    )  # fmt: skip


def _span(text: str) -> tuple[int, int | None]:
    first, last = re.fullmatch(r"(\d+)(?:-(\d+)|\+)?", text.strip()).groups()  # type: ignore[union-attr]
    if text.endswith("+"):
        return int(first), None
    return int(first), int(last or first)


def gaps(operators: Iterable[Operator], opset: int, target: Table) -> list[Gap]:
    """What of a model the target does not take, worst first, and what it takes on a condition.

    opset: the model's opset of ai.onnx, from which the version of each operator follows.
    """
    found = []
    for operator in operators:
        if operator.domain == "" and operator.name == "Constant":
            continue  # a weight by another name
        found += _gaps_of(operator, opset, target)
    return sorted(found, key=lambda gap: (not gap.blocks, gap.operator.title))


def _gaps_of(operator: Operator, opset: int, target: Table) -> list[Gap]:
    entry = target.entries.get(operator.title)
    schema = _schema(operator, opset)
    if entry is None:
        body = schema is not None and (
            schema.has_function or schema.has_context_dependent_function  # type: ignore[attr-defined]
        )
        if body and target.expands:
            return [Gap(operator, "it runs as the simpler operators that define it", False)]
        return [Gap(operator, "it is not among the operators that it takes", True)]
    if schema is not None and not entry.takes(schema.since_version):
        spans = ", ".join(f"{a}+" if b is None else f"{a} to {b}" for a, b in entry.spans)
        reason = f"it takes versions {spans} of it; opset {opset} has {schema.since_version}"
        return [Gap(operator, reason, True)]
    strange = operator.types & COMPUTED - entry.types
    if entry.types and strange == {"float16"} and target.widens and "float" in entry.types:
        return [Gap(operator, "it computes it in float32, with casts around it", False)]
    if entry.types and strange:
        return [Gap(operator, f"it does not take it in {', '.join(sorted(strange))}", True)]
    return [Gap(operator, entry.note, False)] if entry.note else []


def _schema(operator: Operator, opset: int) -> onnx.defs.OpSchema | None:
    """The operator as that opset has it; None outside the standard."""
    if operator.domain:
        return None
    try:
        return onnx.defs.get_schema(operator.name, opset, "")
    except onnx.defs.SchemaError:
        return None
