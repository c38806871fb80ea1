"""The part of an audit that runs nothing: facts, findings, cost, and what each target takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.audit.cost import Cost, cost
from interop.audit.facts import Facts, read
from interop.audit.rules import BLOCKS, Finding, findings
from interop.audit.support import Gap, Table, gaps, names, table


@dataclass(frozen=True)
class Target:
    """What a table says of the model. `runs`: all of it, by that target's own operators."""

    table: Table
    gaps: tuple[Gap, ...]
    open_sizes: bool  # the model has some, and the target wants none

    @property
    def runs(self) -> bool:
        return not any(gap.blocks for gap in self.gaps)

    def to_json(self) -> dict[str, Any]:
        return {
            "target": self.table.name,
            "title": self.table.title,
            "source": self.table.source,
            "version": self.table.version,
            "runs": self.runs,
            "open_sizes": self.open_sizes,
            "falls_back": self.table.falls_back,
            "gaps": [
                {
                    "operator": gap.operator.title,
                    "count": gap.operator.count,
                    "nodes": list(gap.operator.nodes),
                    "reason": gap.reason,
                    "blocks": gap.blocks,
                }
                for gap in self.gaps
            ],
        }


@dataclass(frozen=True)
class StaticAudit:
    """cost is None where the model could not be brought into the canonical form."""

    facts: Facts
    findings: tuple[Finding, ...]
    targets: tuple[Target, ...]
    cost: Cost | None

    @property
    def blocked(self) -> bool:
        return any(one.severity == BLOCKS for one in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "facts": self.facts.to_json(),
            "findings": [one.to_json() for one in self.findings],
            "targets": [one.to_json() for one in self.targets],
            "cost": None if self.cost is None else self.cost.to_json(),
        }


def static_audit(
    path: Path, canonical: Path | None = None, sizes: Mapping[str, int] | None = None
) -> StaticAudit:
    """Look at the model in `path` as it lies there; `canonical` is the same in the canonical form,
    on which its cost is counted at `sizes` (by the names of its open dimensions).

    Raises InvalidModel where there is no ONNX model.
    """
    facts = read(path)
    targets = tuple(_target(facts, table(name)) for name in names())
    counted = None if canonical is None else cost(canonical, sizes or {})
    return StaticAudit(facts, findings(facts), targets, counted)


def _target(facts: Facts, one: Table) -> Target:
    return Target(
        one, tuple(gaps(facts.operators, facts.opset, one)), one.static and bool(facts.dynamic)
    )
