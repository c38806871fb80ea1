"""Branches, loops and calls of other subgraphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interop.converters.tflite.operator import ELEMENT, Op, Refused
from interop.converters.tflite.reading import Tensor

from interop.workers.onnx_file import Graph


def branch(op: Op) -> Any:
    """IF: operand 0 chooses; the others go to the branch, which sees them by name in ONNX."""
    operands = [op.stored(index) for index in range(1, len(op.inputs))]
    bodies = {}
    for attribute, option in (("then_branch", "then"), ("else_branch", "else")):
        body = op.graph.body()
        results = op.scope.call(op.option(f"{option}SubgraphIndex"), body, operands)
        for number, name in enumerate(results):
            _hand_out(body, name, op.result(number))
        bodies[attribute] = body
    condition = op.emit("Squeeze", [op.stored(0)]) if op.tensor(0).rank else op.stored(0)
    return op.emit("If", [condition], count=len(op.outputs), **bodies)


def loop(op: Op) -> Any:
    """WHILE: condition and body are subgraphs of all that is carried, as many results as operands.

    ONNX asks for the condition once before the loop and then at the end of each round.
    """
    operands = [op.stored(index) for index in range(len(op.inputs))]
    ask, step = op.option("condSubgraphIndex"), op.option("bodySubgraphIndex")
    [first] = op.scope.call(ask, op.graph, operands)
    body = op.graph.body()
    body.input(op.graph.unique("round"), "int64", [])
    body.input(op.graph.unique("go_on"), "bool", [])
    carried = []
    for number, tensor in enumerate(op.result(i) for i in range(len(op.outputs))):
        carried.append(op.graph.unique(f"carried_{number}"))
        body.input(carried[-1], _element(tensor), _sizes(op, step, number, carried[-1]))
    made = op.scope.call(step, body, carried)
    [again] = op.scope.call(ask, body, made)
    truth = body.node("Squeeze", [again])
    name = body.node("Identity", [truth])
    body.output(name, "bool", [])
    for number, result in enumerate(made):
        _hand_out(body, result, op.result(number))
    start = op.emit("Squeeze", [first])
    return op.emit("Loop", ["", start, *operands], count=len(op.outputs), body=body)


def call(option: str) -> Any:
    """Another subgraph, written in place."""

    def convert(op: Op) -> Sequence[str]:
        operands = [op.stored(index) for index in range(len(op.inputs))]
        return op.scope.call(op.option(option), op.graph, operands)

    return convert


def _sizes(op: Op, step: int, number: int, name: str) -> list[int | str] | None:
    """Of what is carried: those that the body says, too, and words for those that it leaves open."""
    inner = op.scope.input_of(step, number)
    outer = op.result(number)
    if inner.rank is None or inner.rank != outer.rank:
        return None
    pairs = enumerate(zip(inner.shape, outer.shape, strict=True))
    return [one if one == other and one >= 0 else f"{name}_{axis}" for axis, (one, other) in pairs]


def _hand_out(body: Graph, name: str, tensor: Tensor) -> None:
    """A result of a body: a value of its own. Its sizes may change from round to round."""
    own = body.node("Identity", [name])
    body.output(own, _element(tensor), None)


def _element(tensor: Tensor) -> str:
    if tensor.dtype not in ELEMENT:
        raise Refused(f"'{tensor.name}' is of type {tensor.dtype}")
    return tensor.dtype
