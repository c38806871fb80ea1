"""Loops.

Most loops count. Those get ONNX's own trip count, and their counters come from its number of the round,
so that whoever traces the loop knows how often it runs, and by which index it reads. Those that go along
the first axis of what they read are in scans.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interop.converters.jax.exports.bodies import (
    Loop,
    carried_in,
    counted,
    fits,
    hand_out,
    input_of,
    names_of,
)
from interop.converters.jax.exports.integers import single
from interop.converters.jax.exports.operation import Op, direction_of
from interop.converters.jax.exports.reductions import constant_in
from interop.converters.jax.exports.scans import scan
from interop.converters.jax.exports.tensors import Size, Tensor


def while_(op: Op) -> Sequence[Tensor]:
    plan = _plan(op)
    carried = [p for p in range(len(op.operands)) if p not in (*plan.still, *plan.counters)]
    if plan.rounds is None:
        return _asked(op, plan, carried)
    if any(fits(op.operands[place], plan.rounds) for place in plan.still):
        made = scan(op, plan, plan.rounds, carried)
    else:
        made = _loop(op, plan, plan.rounds, carried)
    found = dict(zip(carried, made, strict=True))
    for place in plan.still:
        found[place] = op.operands[place]
    rounds = plan.rounds if isinstance(plan.rounds, int) else op.w.size("Max", plan.rounds, 0)
    for place in plan.counters:
        found[place] = counted(op.w, op.operands[place], rounds)
    return [found[place] for place in range(len(op.operands))]


def _loop(op: Op, plan: Loop, rounds: int | Size, carried: list[int]) -> list[Tensor]:
    """By ONNX's Loop, which counts its rounds."""
    w, inner = op.w, op.frame.inside(op.w.nested())
    number = input_of(inner.writer, "round", "int64", [])
    input_of(inner.writer, "go_on", "bool", [])
    step = Size(number, ("round", number), 0, rounds)
    given = dict(enumerate(op.operands)) | carried_in(op, inner.writer, carried)
    for place in plan.counters:
        given[place] = counted(inner.writer, op.operands[place], step)
    made = inner.block(op.block(1), [given[place] for place in range(len(given))])
    go_on = inner.writer.node("Identity", inner.writer.constant(True, "bool"))
    inner.writer.graph.output(go_on, "bool", [])
    hand_out(inner.writer, [made[place] for place in carried])
    starts = [w.full(op.operands[place]) for place in carried]
    names = names_of(
        w, "Loop", [w.scalar(rounds), "", *starts], len(carried), body=inner.writer.graph
    )
    return [
        op.made(name, op.operands[place].sizes, place)
        for place, name in zip(carried, names, strict=True)
    ]


def _asked(op: Op, plan: Loop, carried: list[int]) -> list[Tensor]:
    """ONNX asks for the condition once before the loop and then at the end of each round."""
    places = sorted([*carried, *plan.counters])
    w, still = op.w, {place: op.operands[place] for place in plan.still}
    before = op.frame.inside(w)
    (first,) = before.block(op.block(0), op.operands)
    inner = op.frame.inside(w.nested())
    input_of(inner.writer, "round", "int64", [])
    input_of(inner.writer, "go_on", "bool", [])
    given = {**still, **carried_in(op, inner.writer, places)}
    made = inner.block(op.block(1), [given[place] for place in range(len(given))])
    again = inner.inside(inner.writer)
    (condition,) = again.block(op.block(0), made)
    hand_out(inner.writer, [condition, *(made[place] for place in places)])
    starts = [w.full(op.operands[place]) for place in places]
    names = names_of(w, "Loop", ["", w.full(first), *starts], len(places), body=inner.writer.graph)
    found = {
        place: op.made(name, op.operands[place].sizes, place)
        for place, name in zip(places, names, strict=True)
    }
    return [{**still, **found}[place] for place in range(len(op.operands))]


def _plan(op: Op) -> Loop:
    ask, step = op.block(0), op.block(1)
    arguments = {argument: place for place, argument in enumerate(step.arguments)}
    end = step.operations[len(step.operations) - 1].operation
    still = [
        place for place, value in enumerate(end.operands)
        if value in arguments and arguments[value] == place
    ]  # fmt: skip
    counters = [
        place for place, value in enumerate(end.operands)
        if op.operands[place].numbers is not None
        and not op.operands[place].rank
        and _goes_up(value, step.arguments[place])
    ]  # fmt: skip
    rounds = _rounds(op, ask, still, counters)
    if rounds is None:
        return Loop(still, [], None)
    return Loop(still, counters, rounds)


def _goes_up(value: Any, argument: Any) -> bool:
    """Whether a round adds 1."""
    operation = getattr(getattr(value, "owner", None), "operation", None)
    if getattr(operation, "name", "") != "stablehlo.add":
        return False
    if argument not in list(operation.operands):
        return False
    others = [one for one in operation.operands if one != argument]
    number = constant_in(others[0]) if len(others) == 1 else None
    return number is not None and number.size == 1 and int(number) == 1


#: What the condition of a loop that counts is made of.
_PLAIN = ("stablehlo.compare", "stablehlo.constant", "stablehlo.return")


def _rounds(op: Op, ask: Any, still: list[int], counters: list[int]) -> int | Size | None:
    """How often the loop runs, where its condition is that a counter is less than what stays."""
    operations = [view.operation for view in ask.operations]
    compared = [one for one in operations if one.name == "stablehlo.compare"]
    end = operations[-1]
    if len(compared) != 1 or end.operands[0] != compared[0].results[0]:
        return None
    if any(one.name not in _PLAIN for one in operations):
        return None
    places = {argument: place for place, argument in enumerate(ask.arguments)}
    counter, limit = compared[0].operands
    if direction_of(compared[0]) != "LT" or places.get(counter) not in counters:
        return None
    start = op.operands[places[counter]].numbers.item()
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


LOOPS: dict[str, Any] = {"while": while_}
