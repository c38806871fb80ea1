"""The figures of a scorecard, from the rows of its cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scorecard.judging import OURS
from scorecard.ledger import Row
from scorecard.mutators import MUTATORS

SIGNIFICAND = 24  # bits of float32's


@dataclass(frozen=True)
class Score:
    """One gate on one choice of inputs: faults found of those there are, and faithful runs blamed."""

    gate: str
    inputs: str  # "quick" or "wide"
    killed: int
    mutants: int
    killed_above: int  # of the mutants that do more than rounding does
    above: int
    alarms: int
    faithful: int

    @property
    def kill_rate(self) -> float:
        return self.killed / self.mutants if self.mutants else 0.0

    @property
    def kill_rate_above(self) -> float:
        return self.killed_above / self.above if self.above else 0.0

    @property
    def alarm_rate(self) -> float:
        return self.alarms / self.faithful if self.faithful else 0.0


def changed(rows: Iterable[Row]) -> list[Row]:
    """The mutants that compute another function: those that count."""
    return [row for row in rows if row.status == "changed"]


def faithful(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.status == "faithful"]


def scores(rows: Sequence[Row]) -> list[Score]:
    """Every gate, ours first, on the quick sets of inputs and, where it was asked, on the wide ones."""
    found = []
    for inputs in ("quick", "wide"):
        gates = dict.fromkeys(gate for row in rows for gate in _blamed(row, inputs))
        for gate in gates:
            bad = [r for r in changed(rows) if gate in _blamed(r, inputs)]
            above = [_blamed(row, inputs)[gate] for row in above_rounding(bad, inputs)]
            good = [r for r in faithful(rows) if gate in _blamed(r, inputs)]
            killed = sum(_blamed(row, inputs)[gate] for row in bad)
            alarms = sum(_blamed(row, inputs)[gate] for row in good)
            found.append(
                Score(gate, inputs, killed, len(bad), sum(above), len(above), alarms, len(good))
            )
    return found


def _blamed(row: Row, inputs: str) -> dict[str, bool]:
    return row.blamed if inputs == "quick" else row.blamed_wide


def by_mutator(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Mutator → how many changed the function, were equivalent, did not run; and how many of those
    that changed it each gate found, on the quick sets, and ours on the wide ones."""
    table = {}
    for name in MUTATORS:
        own = [row for row in rows if row.case == name and row.kind == "mutant"]
        counts = Counter(row.status for row in own)
        line = {status: counts[status] for status in ("changed", "equivalent", "does not run")}
        for row in changed(own):
            for gate, blames in row.blamed.items():
                line[gate] = line.get(gate, 0) + blames
            wide = f"{OURS} wide"
            line[wide] = line.get(wide, 0) + row.blamed_wide.get(OURS, False)
        table[name] = line
    return table


def survivors(rows: Sequence[Row], inputs: str) -> list[Row]:
    """The mutants that change the function and that ours lets pass."""
    return [row for row in changed(rows) if not _blamed(row, inputs).get(OURS, True)]


def beyond(row: Row, inputs: str) -> float:
    """What a survivor does, computed without any rounding, over what rounding does: below 1, nothing
    that looks at float32 outputs on these inputs can find it."""
    assert row.exact is not None
    return row.exact[0 if inputs == "quick" else 1]


def above_rounding(rows: Sequence[Row], inputs: str) -> list[Row]:
    """The mutants that change the function by more than rounding does on these inputs."""
    return [
        row for row in changed(rows)
        if _blamed(row, inputs).get(OURS, True) or beyond(row, inputs) >= 1
    ]  # fmt: skip


def alarms(rows: Sequence[Row], inputs: str) -> list[Row]:
    """The faithful runs that ours blames."""
    return [row for row in faithful(rows) if _blamed(row, inputs).get(OURS, False)]


def multiples(rows: Iterable[Row]) -> list[float]:
    """The largest error over the floor of each of these rows, on all inputs, in order."""
    return sorted(2 ** (SIGNIFICAND - row.bits) for row in rows if row.bits is not None)
