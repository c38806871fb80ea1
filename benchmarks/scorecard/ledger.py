"""The cases that were judged: one JSON line each, so that a run that was killed goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scorecard.cases import Case


@dataclass(frozen=True)
class Row:
    """What came of a case.

    status: of a mutant "changed", "equivalent" or "does not run"; of a variant "faithful" or
        "left out" (`reason` says why).
    difference: from the original in float64, relative; on: the inputs that showed it.
    blamed, blamed_wide: gate → whether it blames, on the quick sets of inputs and on all.
    bits: our effective bits on all sets. exact: what the mutant scores over the floor when it is
        computed without rounding, for one that ours lets pass on the quick sets, and on all.
    """

    subject: str
    kind: str
    case: str
    site: str
    status: str
    reason: str = ""
    difference: float | None = None
    on: str = ""
    blamed: dict[str, bool] = field(default_factory=dict)
    blamed_wide: dict[str, bool] = field(default_factory=dict)
    bits: float | None = None
    exact: tuple[float, float] | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.case, self.site


class Ledger:
    """The rows of one subject, on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._done = {row.key for row in read(path)}

    def has(self, case: Case) -> bool:
        return (case.kind, case.name, case.site) in self._done

    def add(self, row: Row) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")
        self._done.add(row.key)


def read(path: Path) -> Iterator[Row]:
    """The rows of a ledger; a last line that was cut off is none."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            data: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            continue
        yield Row(**data)
