"""Branches and loops.

Most loops count. Those get ONNX's own trip count, and their counters come from its number of the round,
so that whoever traces the loop knows how often it runs, and by which index it reads. What a round only
writes into its own row comes out of ONNX's loop row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from interop.converters.jax.exports.integers import single
from interop.converters.jax.exports.operation import Op, direction_of
from interop.converters.jax.exports.reductions import constant_in
from interop.converters.jax.exports.shape import only
from interop.converters.jax.exports.streams import Streams
from interop.converters.jax.exports.tensors import Size, Tensor, dtype_of, sizes_of
from interop.converters.jax.exports.writing import Writer

from interop.workers.onnx_file import Graph

if TYPE_CHECKING:
    from interop.converters.jax.exports.walk import Frame


def case(op: Op) -> Sequence[Tensor]:
    """Operand 0 chooses the region; one that is none of them takes the last."""
    index, count = op.operands[0], len(op.operation.regions)
    known = op.w.value_of(index)
    if known is not None:
        chosen = int(known) if 0 <= known < count else count - 1
        return _region(op, chosen, op.frame.inside(op.w))
    number = op.w.cast(op.w.full(index), index.dtype, "int64")
    return _chosen(op, op.frame, number, 0)


def if_(op: Op) -> Sequence[Tensor]:
    known = op.w.value_of(op.operands[0])
    if known is not None:
        return _region(op, 0 if known else 1, op.frame.inside(op.w))
    return _branches(op, op.w, op.w.full(op.operands[0]), [
        _body(op, op.frame, number) for number in (0, 1)
    ])  # fmt: skip


def _region(op: Op, number: int, frame: Frame) -> list[Tensor]:
    return frame.block(op.block(number), [])


def _body(op: Op, frame: Frame, number: int) -> Graph:
    inner = frame.inside(frame.writer.nested())
    _hand_out(inner.writer, _region(op, number, inner))
    return inner.writer.graph


def _chosen(op: Op, frame: Frame, number: str, first: int) -> list[Tensor]:
    """Region `first`, or one behind it."""
    w = frame.writer
    if first == len(op.operation.regions) - 1:
        return _region(op, first, frame.inside(w))
    is_first = w.once("Equal", number, w.constant(first))
    otherwise = frame.inside(w.nested())
    _hand_out(otherwise.writer, _chosen(op, otherwise, number, first + 1))
    return _branches(op, w, is_first, [_body(op, frame, first), otherwise.writer.graph])


def _branches(op: Op, w: Writer, condition: str, graphs: list[Graph]) -> list[Tensor]:
    branches = {"then_branch": graphs[0], "else_branch": graphs[1]}
    names = _names(w, "If", [condition], len(op.results), **branches)
    return [op.made(name, None, number) for number, name in enumerate(names)]


def _hand_out(w: Writer, results: Sequence[Tensor]) -> None:
    """What a body gives: values of its own."""
    for value in results:
        own = w.node("Identity", w.full(value))
        w.graph.output(own, value.dtype, _words(own, value))


def _words(name: str, value: Tensor) -> list[Any]:
    return [
        size if isinstance(size, int) else f"{name}_{axis}" for axis, size in enumerate(value.sizes)
    ]


@dataclass(frozen=True)
class _Loop:
    """What the places of a loop's values are.

    still: what no round changes. counters: that go up by 1 a round. rounds: how often it runs, None
    where a condition decides.
    """

    still: list[int]
    counters: list[int]
    rounds: int | Size | None


def while_(op: Op) -> Sequence[Tensor]:
    plan = _plan(op)
    carried = [p for p in range(len(op.operands)) if p not in (*plan.still, *plan.counters)]
    if plan.rounds is None:
        return _asked(op, plan, carried)
    if any(_fits(op.operands[place], plan.rounds) for place in plan.still):
        made = _scan(op, plan, plan.rounds, carried)
    else:
        made = _loop(op, plan, plan.rounds, carried)
    found = dict(zip(carried, made, strict=True))
    for place in plan.still:
        found[place] = op.operands[place]
    rounds = plan.rounds if isinstance(plan.rounds, int) else op.w.size("Max", plan.rounds, 0)
    for place in plan.counters:
        found[place] = _counted(op.w, op.operands[place], rounds)
    return [found[place] for place in range(len(op.operands))]


def _fits(x: Tensor, rounds: int | Size) -> bool:
    return x.rank > 0 and x.sizes[0] == rounds


def _counted(w: Writer, start: Tensor, rounds: int | Size) -> Tensor:
    """A counter after so many rounds."""
    assert start.numbers is not None
    first = start.numbers.item()
    if isinstance(first, Size):
        return replace(start, numbers=single(w.size("Add", first, rounds)))
    return replace(start, numbers=single(w.plus(rounds, first)))


def _loop(op: Op, plan: _Loop, rounds: int | Size, carried: list[int]) -> list[Tensor]:
    """By ONNX's Loop, which counts its rounds."""
    w, inner = op.w, op.frame.inside(op.w.nested())
    number = _input(inner.writer, "round", "int64", [])
    _input(inner.writer, "go_on", "bool", [])
    step = Size(number, ("round", number), 0, rounds)
    given = dict(enumerate(op.operands)) | _carried(op, inner.writer, carried)
    for place in plan.counters:
        given[place] = _counted(inner.writer, op.operands[place], step)
    made = inner.block(op.block(1), [given[place] for place in range(len(given))])
    go_on = inner.writer.node("Identity", inner.writer.constant(True, "bool"))
    inner.writer.graph.output(go_on, "bool", [])
    _hand_out(inner.writer, [made[place] for place in carried])
    starts = [w.full(op.operands[place]) for place in carried]
    names = _names(w, "Loop", [w.scalar(rounds), "", *starts], len(carried), body=inner.writer.graph)
    return [
        op.made(name, op.operands[place].sizes, place)
        for place, name in zip(carried, names, strict=True)
    ]


def _names(w: Writer, operator: str, inputs: list[str], count: int, **attributes: Any) -> list[str]:
    found = w.node(operator, *inputs, count=count, **attributes)
    return [found] if count == 1 else list(found)


def _scan(op: Op, plan: _Loop, rounds: int | Size, carried: list[int]) -> list[Tensor]:
    """By ONNX's Scan: each round takes its entry of what it only reads so, and gives a row of what it
    only writes so."""
    rows = [place for place in carried if _fits(op.operands[place], rounds)]
    while True:
        written = _scan_body(op, plan, rounds, carried, rows)
        if set(written.rows) == set(rows):
            return written.results()
        rows = list(written.rows)


def _scan_body(
    op: Op, plan: _Loop, rounds: int | Size, carried: list[int], rows: list[int]
) -> _Scan:
    """The body, with those places taken to be written row by row; says which of them are."""
    w, inner = op.w, op.frame.inside(op.w.nested())
    graph = inner.writer.graph
    states = [place for place in carried if place not in rows]
    given = dict(enumerate(op.operands)) | _carried(op, inner.writer, states)
    streams = Streams(inner.writer, rounds)
    for place in plan.still:
        if streams.fit(op.operands[place]):
            whole = op.w.full(op.operands[place])
            given[place] = replace(op.made(whole, op.operands[place].sizes, place), streams=streams)
    for place in rows:
        name = graph.unique("rows")
        given[place] = replace(op.made(name, op.operands[place].sizes, place), streams=streams)
    for place in plan.counters:
        given[place] = _counted(inner.writer, op.operands[place], streams.step)
    made = inner.block(op.block(1), [given[place] for place in range(len(given))])
    found = {
        place: made[place].row for place in rows
        if made[place].row is not None and given[place].name not in graph.reads()
    }  # fmt: skip
    return _Scan(op, inner.writer, streams, states, [made[place] for place in states], found)


@dataclass(frozen=True)
class _Scan:
    """A body that is written. rows: place → what a round writes there, and whether from the end."""

    op: Op
    inner: Writer
    streams: Streams
    states: list[int]
    made: list[Tensor]
    rows: dict[int, Any]

    def results(self) -> list[Tensor]:
        op, w, graph = self.op, self.op.w, self.inner.graph
        _hand_out(self.inner, self.made)
        for row, _ in self.rows.values():
            own = self.inner.node("Identity", _entry(self.inner, row))
            graph.output(own, row.dtype, _words(own, row)[1:])
        graph.prune()
        taken = [(x.name, back) for (_, back), (_, x) in self.streams.taken.items()]
        if self.streams.step.name in graph.reads() or not taken:
            graph.input(self.streams.step.name, "int64", [])
            count = w.scalar(self.streams.rounds)
            taken.append((w.once("Range", w.constant(0), count, w.constant(1)), False))
        starts = [w.full(op.operands[place]) for place in self.states]
        names = _names(
            w, "Scan", [*starts, *(name for name, _ in taken)], len(starts) + len(self.rows),
            body=graph, num_scan_inputs=len(taken),
            scan_input_directions=[int(back) for _, back in taken],
            **({"scan_output_directions": [int(back) for _, back in self.rows.values()]} if self.rows else {}),
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


def _asked(op: Op, plan: _Loop, carried: list[int]) -> list[Tensor]:
    """ONNX asks for the condition once before the loop and then at the end of each round."""
    places = sorted([*carried, *plan.counters])
    w, still = op.w, {place: op.operands[place] for place in plan.still}
    before = op.frame.inside(w)
    (first,) = before.block(op.block(0), op.operands)
    inner = op.frame.inside(w.nested())
    _input(inner.writer, "round", "int64", [])
    _input(inner.writer, "go_on", "bool", [])
    given = {**still, **_carried(op, inner.writer, places)}
    made = inner.block(op.block(1), [given[place] for place in range(len(given))])
    again = inner.inside(inner.writer)
    (condition,) = again.block(op.block(0), made)
    _hand_out(inner.writer, [condition, *(made[place] for place in places)])
    starts = [w.full(op.operands[place]) for place in places]
    names = _names(w, "Loop", ["", w.full(first), *starts], len(places), body=inner.writer.graph)
    found = {
        place: op.made(name, op.operands[place].sizes, place)
        for place, name in zip(places, names, strict=True)
    }
    return [{**still, **found}[place] for place in range(len(op.operands))]


def _input(w: Writer, name: str, dtype: str, shape: list[Any]) -> str:
    return w.graph.input(w.graph.unique(name), dtype, shape)


def _carried(op: Op, w: Writer, places: Sequence[int]) -> dict[int, Tensor]:
    """Inputs of the body for what changes from round to round; the sizes stay what they are."""
    found = {}
    for place in places:
        kind = op.operation.operands[place].type
        name = w.graph.unique(f"carried_{place}")
        value = Tensor(name, dtype_of(kind), op.operands[place].sizes)
        shape = [
            size if isinstance(size, int) else f"{name}_{axis}"
            for axis, size in enumerate(sizes_of(kind))
        ]
        w.graph.input(name, value.dtype, shape)
        found[place] = value
    return found


def _plan(op: Op) -> _Loop:
    ask, step = op.block(0), op.block(1)
    arguments = {argument: place for place, argument in enumerate(step.arguments)}
    end = step.operations[len(step.operations) - 1].operation
    still = [
        place for place, value in enumerate(end.operands)
        if value in arguments and arguments[value] == place
    ]  # fmt: skip
    counters = [
        place for place, value in enumerate(end.operands)
        if op.operands[place].numbers is not None and not op.operands[place].rank and _goes_up(value, step.arguments[place])
    ]  # fmt: skip
    rounds = _rounds(op, ask, still, counters)
    if rounds is None:
        return _Loop(still, [], None)
    return _Loop(still, counters, rounds)


def _goes_up(value: Any, argument: Any) -> bool:
    """Whether a round adds 1."""
    operation = getattr(getattr(value, "owner", None), "operation", None)
    if getattr(operation, "name", "") != "stablehlo.add" or argument not in list(operation.operands):
        return False
    others = [one for one in operation.operands if one != argument]
    number = constant_in(others[0]) if len(others) == 1 else None
    return number is not None and number.size == 1 and int(number) == 1


def _rounds(op: Op, ask: Any, still: list[int], counters: list[int]) -> int | Size | None:
    """How often the loop runs, where its condition is that a counter is less than what stays."""
    operations = [view.operation for view in ask.operations]
    compared = [one for one in operations if one.name == "stablehlo.compare"]
    end = operations[-1]
    if len(compared) != 1 or end.operands[0] != compared[0].results[0]:
        return None
    if any(one.name not in ("stablehlo.compare", "stablehlo.constant", "stablehlo.return") for one in operations):  # fmt: skip
        return None
    places = {argument: place for place, argument in enumerate(ask.arguments)}
    counter, limit = compared[0].operands
    if direction_of(compared[0]) != "LT" or places.get(counter) not in counters:
        return None
    start = op.operands[places[counter]].numbers.item()  # type: ignore[union-attr]
    if limit in places:
        known = op.operands[places[limit]] if places[limit] in still else None
    elif limit in op.frame.known:
        known = op.frame.known[limit]
    else:
        number = constant_in(limit)
        known = None if number is None else Tensor("", "int64", (), numbers=single(int(number)))
    if known is None or known.numbers is None:
        return None
    last = known.numbers.item()
    if isinstance(last, int) and isinstance(start, int):
        return max(last - start, 0)
    return op.w.plus(last, -start) if isinstance(start, int) else op.w.size("Sub", last, start)


CONTROL: dict[str, Any] = {"case": case, "if": if_, "while": while_}
