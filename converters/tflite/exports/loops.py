"""WHILE: condition and body are subgraphs of all that is carried.

Most loops count up to a limit. Those get ONNX's own trip count, and their counters come from its number
of the round, so that whoever traces the loop knows how often it runs, and by which index it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from interop.converters.tflite.exports.control import element, hand_out
from interop.converters.tflite.operator import ELEMENT, INT64, Op
from interop.converters.tflite.reading import Operator, Subgraph

from interop.workers.onnx_file import Graph


@dataclass(frozen=True)
class _Count:
    """What is carried, by place: `counter` goes up to `limit`, and all of `counters` by 1 a round."""

    counter: int
    limit: int
    counters: tuple[int, ...]


def loop(op: Op) -> Any:
    ask = op.scope.subgraphs[op.option("condSubgraphIndex")]
    step = op.scope.subgraphs[op.option("bodySubgraphIndex")]
    count = _count(op, ask, step)
    return _asked(op) if count is None else _counted(op, count)


def _count(op: Op, ask: Subgraph, step: Subgraph) -> _Count | None:
    """How the loop counts; None where its condition is anything but a counter below a limit."""
    if len(ask.operators) != 1 or ask.operators[0].name != "LESS":
        return None
    less = ask.operators[0].inputs
    if any(index not in ask.inputs for index in less):
        return None
    counter, limit = (ask.inputs.index(index) for index in less)
    counters = tuple(
        place
        for place in range(len(step.inputs))
        if op.known(place) and op.array(place).size == 1 and _goes_up(step, place)
    )
    same = step.outputs[limit] == step.inputs[limit]
    return _Count(counter, limit, counters) if same and counter in counters else None


def _goes_up(step: Subgraph, place: int) -> bool:
    """Whether a round adds 1 to what is carried in that place."""
    made: dict[int, Operator] = {one.outputs[0]: one for one in step.operators if one.outputs}
    found = made.get(step.outputs[place])
    if found is None or found.name != "ADD" or step.inputs[place] not in found.inputs:
        return False
    others = [step.tensors[i].data for i in found.inputs if i != step.inputs[place]]
    return len(others) == 1 and others[0] is not None and bool(np.all(others[0] == 1))


def _counted(op: Op, count: _Count) -> list[str]:
    operands = [op.stored(place) for place in range(len(op.inputs))]
    rounds = _wide(op, operands[count.limit])
    if op.array(count.counter).any():
        rounds = op.emit("Sub", [rounds, _wide(op, operands[count.counter])])
    body, places = op.graph.body(), [p for p in range(len(operands)) if p not in count.counters]
    number = body.input(op.graph.unique("round"), "int64", [])
    body.input(op.graph.unique("go_on"), "bool", [])
    carried = _carried(op, body, places)
    for place in count.counters:
        carried[place] = _plus(op, body, number, place)
    made = op.scope.call(
        op.option("bodySubgraphIndex"), body, [carried[p] for p in sorted(carried)]
    )
    go_on = body.node("Identity", [op.constant(np.array(True))])
    body.output(go_on, "bool", [])
    for place in places:
        hand_out(body, made[place], op.result(place))
    names = op.emit(
        "Loop", [rounds, "", *(operands[p] for p in places)], count=len(places), body=body
    )
    found = dict(zip(places, [names] if len(places) == 1 else names, strict=True))
    done = op.emit("Max", [rounds, op.constant(np.int64(0))])
    for place in count.counters:
        found[place] = _plus(op, op.graph, done, place)
    return [found[place] for place in sorted(found)]


def _asked(op: Op) -> Any:
    """ONNX asks for the condition once before the loop and then at the end of each round."""
    operands = [op.stored(place) for place in range(len(op.inputs))]
    ask, step = op.option("condSubgraphIndex"), op.option("bodySubgraphIndex")
    [first] = op.scope.call(ask, op.graph, operands)
    body = op.graph.body()
    body.input(op.graph.unique("round"), "int64", [])
    body.input(op.graph.unique("go_on"), "bool", [])
    carried = _carried(op, body, list(range(len(operands))))
    made = op.scope.call(step, body, list(carried.values()))
    [again] = op.scope.call(ask, body, made)
    go_on = body.node("Squeeze", [again])
    body.output(go_on, "bool", [])
    for place, result in enumerate(made):
        hand_out(body, result, op.result(place))
    start = op.emit("Squeeze", [first])
    return op.emit("Loop", ["", start, *operands], count=len(op.outputs), body=body)


def _carried(op: Op, body: Graph, places: list[int]) -> dict[int, str]:
    """Inputs of the body for what is carried in these places."""
    found = {}
    for place in places:
        found[place] = op.graph.unique(f"carried_{place}")
        body.input(found[place], element(op.result(place)), _sizes(op, place, found[place]))
    return found


def _sizes(op: Op, place: int, name: str) -> list[int | str] | None:
    """Those that the body says, too, and words for those that it leaves open."""
    step = op.scope.subgraphs[op.option("bodySubgraphIndex")]
    inner, outer = step.tensors[step.inputs[place]], op.result(place)
    if inner.rank is None or inner.rank != outer.rank:
        return None
    pairs = enumerate(zip(inner.shape, outer.shape, strict=True))
    return [one if one == other and one >= 0 else f"{name}_{axis}" for axis, (one, other) in pairs]


def _plus(op: Op, graph: Graph, rounds: str, place: int) -> str:
    """A counter after so many rounds (int64), of its own type."""
    start = op.array(place)
    number = graph.node("Cast", [rounds], to=ELEMENT[start.dtype.name])
    if start.shape:
        number = graph.node("Reshape", [number, op.integers(*start.shape)])
    return graph.node("Add", [number, op.constant(start)]) if start.any() else number


def _wide(op: Op, number: str) -> str:
    """A limit as a number of rounds."""
    scalar = op.emit("Squeeze", [number])
    name: str = op.emit("Cast", [scalar], to=INT64)
    return name
