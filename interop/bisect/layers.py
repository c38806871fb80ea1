"""Every node by itself, fed with reference values: a fault shows where it is made.

Units go side by side into one model, as many as their values fit into the budget, so that a backend
that has to convert what it runs does so once for hundreds of nodes, and memory does not grow with
the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interop.bisect.candidate import Array, Executor
from interop.bisect.measure import (
    Judgement,
    Yardstick,
    explained,
    floors,
    held_against,
    in_halves,
    typed,
    unsuited,
)
from interop.bisect.pieces import GIVEN, Graph, Piece
from interop.bisect.reference import References
from interop.bisect.units import Pair, Unit

#: Bytes of true values (float64) that are held at a time.
BUDGET = 256 << 20


@dataclass(frozen=True)
class Layer:
    """One unit, by its number. `undecided` says why it could not be judged, where that is so."""

    number: int
    unit: Unit
    judgement: Judgement
    undecided: str = ""

    @property
    def wrong(self) -> bool:
        return not self.undecided and self.judgement.wrong


def layers(
    pair: Pair,
    references: References,
    executor: Executor,
    numbers: range,
    *,
    seed: int = 0,
    budget: int = BUDGET,
) -> Iterator[Layer]:
    """The units of these numbers, judged one by one, in order; earlier ones are evaluated as far as
    they are needed. Raises UnsupportedOperator or InvalidModel for a node that has no truth."""
    references.reach(min(numbers.start, len(pair.units)))
    chunk: dict[int, dict[str, Array]] = {}
    held = 0
    for number in numbers:
        made = number < references.made
        truth = references.again(number) if made else references.advance()
        chunk[number] = truth
        held += sum(array.nbytes for array in truth.values())
        if held >= budget or number == numbers[-1]:
            yield from _judge(pair, references, executor, chunk, seed)
            chunk, held = {}, 0


def _judge(
    pair: Pair,
    references: References,
    executor: Executor,
    truths: Mapping[int, dict[str, Array]],
    seed: int,
) -> Iterator[Layer]:
    def measure(numbers: Sequence[int]) -> dict[str, Any]:
        pieces = [pair.units[number].reference for number in numbers]
        model, feeds = _apart(pair.reference, pieces, references)
        truth = {name: array for number in numbers for name, array in truths[number].items()}
        return floors(model, feeds, truth, seed, executor.precision)

    def run(numbers: Sequence[int]) -> dict[str, Array]:
        pieces = [pair.units[number].candidate for number in numbers]
        model, feeds = _apart(pair.candidate, pieces, references)
        return executor.run(model, feeds)

    noise, floorless = in_halves(list(truths), measure)
    unknown = dict(floorless)
    outputs, failed = in_halves([number for number in truths if number not in unknown], run)
    failures = dict(failed)
    for number, truth in truths.items():
        unit = pair.units[number]
        if number in unknown:
            reason = explained(unknown[number])
            yield Layer(number, unit, Judgement(), reason)
        elif number in failures:
            yield Layer(number, unit, Judgement(failure=explained(failures[number])))
        else:
            given = {name: outputs[name] for name in truth if name in outputs}
            nodes = [pair.reference.nodes[place] for place in unit.reference.nodes]
            by = Yardstick(
                truth, {name: noise[name] for name in truth}, unsuited(nodes, executor.precision)
            )
            found = held_against(by, given)
            yield Layer(number, unit, found, by.doubt if found.wrong else "")


def _apart(
    graph: Graph, pieces: Sequence[Piece], references: References
) -> tuple[Any, dict[str, Array]]:
    names = tuple(dict.fromkeys(name for piece in pieces for name in piece.inputs))
    feeds = references.feeds(names, GIVEN)
    return typed(graph.build_apart(pieces), feeds), feeds
