"""Two graphs value by value: which piece of the candidate stands for which of the reference.

Values are paired by name. Where the two are one graph, on a backend, every value has its partner
and a unit is one node; where they are two, a unit reaches back to the nearest values that both have,
so that a node which one of them lacks lies inside a unit, with what stands in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interop.bisect.pieces import Graph, Piece
from interop.errors import UsageError


@dataclass(frozen=True)
class Unit:
    """One step of the reference and of the candidate, between the same values."""

    outputs: tuple[str, ...]
    reference: Piece
    candidate: Piece


@dataclass(frozen=True)
class Pair:
    """A reference and a candidate (the same object where only the backend differs), in units, in
    the reference's order."""

    reference: Graph
    candidate: Graph
    units: tuple[Unit, ...]

    @property
    def one_graph(self) -> bool:
        return self.reference is self.candidate

    def live(self, count: int) -> tuple[str, ...]:
        """What the first `count` units make and the others read: what crosses the cut behind them."""
        later = {name for unit in self.units[count:] for name in unit.reference.inputs}
        return tuple(n for unit in self.units[:count] for n in unit.outputs if n in later)

    def done(self, count: int) -> tuple[str, ...]:
        """The graph's outputs among what the first `count` units make."""
        made = {name for unit in self.units[:count] for name in unit.outputs}
        return tuple(name for name in self.reference.outputs if name in made)


def pair(reference: Graph, candidate: Graph) -> Pair:
    """Raises UsageError where inputs or outputs have no partner, or no value between them has."""
    for what in ("inputs", "outputs"):
        missing, more = (set(getattr(graph, what)) for graph in (reference, candidate))
        if missing != more:
            raise UsageError(
                f"the {what} of the two graphs cannot be paired: only the one has "
                f"{_listed(missing - more)}, only the other {_listed(more - missing)}",
                hint="Values are paired by name: give both the same names.",
            )
    for name in reference.inputs:
        ours, theirs = reference.dtype(name), candidate.dtype(name)
        if ours != theirs:
            raise UsageError(
                f"input '{name}' is {ours} in the one graph and {theirs} in the other",
                hint="They cannot be given the same: cast it inside one of them.",
            )
    needed = {name for names in reference.reads for name in names} | set(reference.outputs)
    shared = [
        name
        for name in reference.producer
        if name in needed and name in candidate.producer
        and reference.is_tensor(name) and candidate.is_tensor(name)
    ]  # fmt: skip
    if not shared:
        raise UsageError(
            "no value of the one graph has the name of a value of the other: nothing can be paired",
            hint="Give graphs that one exporter wrote, or a backend with --on.",
        )
    return Pair(reference, candidate, tuple(_units(reference, candidate, shared)))


def _units(reference: Graph, candidate: Graph, shared: Sequence[str]) -> list[Unit]:
    """The candidate's pieces reach back to values that the reference has made by then: wired wrongly,
    it may read one that comes later there."""
    made: dict[int, list[str]] = {}
    for name in shared:
        made.setdefault(reference.producer[name], []).append(name)
    known = set(shared)
    pieces = [reference.piece(outputs, known) for _, outputs in sorted(made.items())]
    units, before = [], set[str]()
    for ours in _needed(pieces, set(reference.outputs)):
        theirs = ours if candidate is reference else candidate.piece(ours.outputs, before)
        units.append(Unit(ours.outputs, ours, theirs))
        before |= set(ours.outputs)
    return units


def _needed(pieces: Sequence[Piece], wanted: set[str]) -> list[Piece]:
    """Those that lead to what is `wanted`."""
    kept = []
    for piece in reversed(pieces):
        if wanted & set(piece.outputs):
            wanted |= set(piece.inputs)
            kept.append(piece)
    return kept[::-1]


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
