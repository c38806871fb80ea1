"""Loops that take an entry and give a row in each round: ONNX's Scan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from interop.converters.jax.exports.bodies import (
    Loop,
    carried_in,
    counted,
    fits,
    hand_out,
    names_of,
    words,
)
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.shape import only
from interop.converters.jax.exports.streams import Streams
from interop.converters.jax.exports.tensors import Size, Tensor
from interop.converters.jax.exports.writing import Writer


def scan(op: Op, plan: Loop, rounds: int | Size, carried: list[int]) -> list[Tensor]:
    """By ONNX's Scan: each round takes its entry of what it only reads so, and gives a row of what it
    only writes so."""
    rows = [place for place in carried if fits(op.operands[place], rounds)]
    while True:
        written = _body(op, plan, rounds, carried, rows)
        if set(written.rows) == set(rows):
            return written.results()
        rows = list(written.rows)


def _body(op: Op, plan: Loop, rounds: int | Size, carried: list[int], rows: list[int]) -> Written:
    """The body, with those places taken to be written row by row; says which of them are."""
    inner = op.frame.inside(op.w.nested())
    graph = inner.writer.graph
    states = [place for place in carried if place not in rows]
    given = dict(enumerate(op.operands)) | carried_in(op, inner.writer, states)
    streams = Streams(inner.writer, rounds)
    for place in plan.still:
        if streams.fit(op.operands[place]):
            whole = op.w.full(op.operands[place])
            given[place] = replace(op.made(whole, op.operands[place].sizes, place), streams=streams)
    for place in rows:
        name = graph.unique("rows")
        given[place] = replace(op.made(name, op.operands[place].sizes, place), streams=streams)
    for place in plan.counters:
        given[place] = counted(inner.writer, op.operands[place], streams.step)
    made = inner.block(op.block(1), [given[place] for place in range(len(given))])
    found = {
        place: made[place].row for place in rows
        if made[place].row is not None and given[place].name not in graph.reads()
    }  # fmt: skip
    return Written(op, inner.writer, streams, states, [made[place] for place in states], found)


@dataclass(frozen=True)
class Written:
    """A body that is written. rows: place → what a round writes there, and whether from the end."""

    op: Op
    inner: Writer
    streams: Streams
    states: list[int]
    made: list[Tensor]
    rows: dict[int, Any]

    def _directions(self) -> dict[str, Any]:
        back = [int(one) for _, one in self.rows.values()]
        return {"scan_output_directions": back} if back else {}

    def results(self) -> list[Tensor]:
        op, w, graph = self.op, self.op.w, self.inner.graph
        hand_out(self.inner, self.made)
        for row, _ in self.rows.values():
            own = self.inner.node("Identity", _entry(self.inner, row))
            graph.output(own, row.dtype, words(own, row)[1:])
        graph.prune()
        taken = [(x.name, back) for (_, back), (_, x) in self.streams.taken.items()]
        if self.streams.step.name in graph.reads() or not taken:
            graph.input(self.streams.step.name, "int64", [])
            count = w.scalar(self.streams.rounds)
            taken.append((w.once("Range", w.constant(0), count, w.constant(1)), False))
        starts = [w.full(op.operands[place]) for place in self.states]
        names = names_of(
            w, "Scan", [*starts, *(name for name, _ in taken)], len(starts) + len(self.rows),
            body=graph, num_scan_inputs=len(taken),
            scan_input_directions=[int(back) for _, back in taken],
            **self._directions(),
        )  # fmt: skip
        found = {
            place: op.made(name, op.operands[place].sizes, place)
            for place, name in zip([*self.states, *self.rows], names, strict=True)
        }
        return [found[place] for place in sorted(found)]


def _entry(w: Writer, row: Tensor) -> str:
    """A row without its first axis, of size 1."""
    rest = list(range(1, row.rank))
    if row.thin == tuple(rest):
        return only(w, row, rest)
    return w.once("Squeeze", w.full(row), w.constant([0]))
