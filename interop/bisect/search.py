"""Prefixes of the model, halved: where it turns from right to wrong, on the way that data take.

A cut behind the first n units is crossed by the values that they make and later ones read. Where a
single value crosses, it dominates the output: all paths pass through it. Cuts are taken there; where
there are too few such places (a mask that every layer reads), at the next narrowest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from interop.bisect.candidate import Array, Executor
from interop.bisect.measure import Judgement, Yardstick, judge, typed, yardstick
from interop.bisect.pieces import Piece
from interop.bisect.reference import References
from interop.bisect.units import Pair

#: Units between two cuts, or a quarter of the model, that are left to be looked at one by one.
_SEGMENT = 8


@dataclass(frozen=True)
class Step:
    """A prefix of `count` units, and whether it was wrong."""

    count: int
    wrong: bool
    crossing: tuple[str, ...]
    reason: str


def widths(pair: Pair) -> list[int]:
    """How many values cross the cut behind each unit but the last."""
    last: dict[str, int] = {}
    for number, unit in enumerate(pair.units):
        last.update(dict.fromkeys(unit.reference.inputs, number))
    change = [0] * (len(pair.units) + 1)
    for number, unit in enumerate(pair.units):
        for name in unit.outputs:
            if last.get(name, number) > number:
                change[number] += 1
                change[last[name]] -= 1
    return list(accumulate(change))[: max(0, len(pair.units) - 1)]


def cuts(pair: Pair) -> list[int]:
    """Numbers of units to cut behind: the dominators of the output, or the narrowest places that leave
    no segment too long."""
    crossing = widths(pair)
    longest = max(_SEGMENT, len(pair.units) // 4)
    for width in sorted(set(crossing)):
        found = [n for n, value in enumerate(crossing, start=1) if value <= width]
        ends = [0, *found, len(pair.units)]
        if max(b - a for a, b in pairwise(ends)) <= longest:
            return found
    return list(range(1, len(pair.units)))


def halve(
    candidates: Sequence[int], low: int, high: int, wrong: Callable[[int], bool]
) -> tuple[int, int]:
    """The neighbours of `candidates`, `low` and `high` between which right turns into wrong; `low` is
    right and `high` wrong."""
    between = [n for n in candidates if low < n < high]
    while between:
        middle = between[len(between) // 2]
        if wrong(middle):
            high = middle
        else:
            low = middle
        between = [n for n in between if low < n < high]
    return low, high


class Prefixes:
    """The first units of the model on the candidate, each length measured once."""

    def __init__(
        self, pair: Pair, inputs: Mapping[str, Array], executor: Executor, seed: int
    ) -> None:
        self._pair, self._inputs, self._executor, self._seed = pair, inputs, executor, seed
        self.steps: list[Step] = []

    def wrong(self, count: int) -> bool:
        known = next((step.wrong for step in self.steps if step.count == count), None)
        if known is not None:
            return known
        pair = self._pair
        crossing = pair.live(count)
        names = tuple(dict.fromkeys((*crossing, *pair.done(count))))
        ours = pair.reference.piece(names, self._inputs)
        theirs = pair.candidate.piece(names, self._inputs)
        by = yardstick(
            pair.reference.build(ours), self._feeds(ours), self._seed, self._executor.precision
        )
        found = judge(pair.candidate.build(theirs), self._feeds(theirs), self._executor, by)
        wrong = found.wrong and not by.doubt
        self.steps.append(Step(count, wrong, crossing, found.reason))
        return wrong

    def _feeds(self, piece: Piece) -> dict[str, Array]:
        return {name: self._inputs[name] for name in piece.inputs}


@dataclass(frozen=True)
class Window:
    """Consecutive units as one piece of each graph, what they were fed with, and what came of it."""

    start: int
    stop: int
    reference: Piece
    candidate: Piece
    by: Yardstick
    judgement: Judgement


def window(
    pair: Pair,
    references: References,
    executor: Executor,
    start: int,
    stop: int,
    seed: int,
    outputs: tuple[str, ...] | None = None,
) -> Window:
    """Units `start` to `stop` run together from reference values; by default all is wanted of them
    that later ones read."""
    references.reach(stop)
    made = {name for unit in pair.units[start:stop] for name in unit.outputs}
    leaving = (*pair.live(stop), *pair.done(stop))
    names = outputs or tuple(dict.fromkeys(name for name in leaving if name in made))
    known = {name for unit in pair.units[:start] for name in unit.outputs}
    ours, theirs = (graph.piece(names, known) for graph in (pair.reference, pair.candidate))
    feeds = [references.feeds(piece.inputs) for piece in (ours, theirs)]
    reference = typed(pair.reference.build(ours), feeds[0])
    by = yardstick(reference, feeds[0], seed, executor.precision)
    model = typed(pair.candidate.build(theirs), feeds[1])
    return Window(start, stop, ours, theirs, by, judge(model, feeds[1], executor, by))


def smallest_window(
    pair: Pair, references: References, executor: Executor, stop: int, seed: int
) -> Window:
    """The shortest run of units up to `stop` that is wrong as one, fed with reference values.

    The whole prefix is the last resort, whether it shows it or not.
    """

    def tried(size: int) -> Window:
        return window(pair, references, executor, stop - size, stop, seed)

    right, size = 1, min(2, stop)
    found = tried(size)
    while not found.judgement.wrong and size < stop:
        right, size = size, min(stop, size * 2)
        found = tried(size)
    while size - right > 1:
        middle = (size + right) // 2
        shorter = tried(middle)
        if shorter.judgement.wrong:
            size, found = middle, shorter
        else:
            right = middle
    return found
