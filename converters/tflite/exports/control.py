"""Branches, and subgraphs in place; loops are in loops.py."""

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
            hand_out(body, name, op.result(number))
        bodies[attribute] = body
    condition = op.emit("Squeeze", [op.stored(0)]) if op.tensor(0).rank else op.stored(0)
    return op.emit("If", [condition], count=len(op.outputs), **bodies)


def call(option: str) -> Any:
    """Another subgraph, written in place."""

    def convert(op: Op) -> Sequence[str]:
        operands = [op.stored(index) for index in range(len(op.inputs))]
        return op.scope.call(op.option(option), op.graph, operands)

    return convert


def hand_out(body: Graph, name: str, tensor: Tensor) -> None:
    """A result of a body: a value of its own. Its sizes may change from round to round."""
    own = body.node("Identity", [name])
    body.output(own, element(tensor), None)


def element(tensor: Tensor) -> str:
    if tensor.dtype not in ELEMENT:
        raise Refused(f"'{tensor.name}' is of type {tensor.dtype}")
    return tensor.dtype
