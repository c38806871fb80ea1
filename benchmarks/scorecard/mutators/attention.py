"""Faults of attention: the mask's sign, its reach, the scale, the axis."""

from __future__ import annotations

import math

import numpy as np
from onnx import NodeProto

from scorecard.edit import Array, Graph
from scorecard.mutators.mutator import Mutator, always

STEPS = 12  # nodes between a mask or a scale and the softmax that it is for


def _feeds_softmax(graph: Graph, node: NodeProto) -> bool:
    names, seen = list(node.output), 0
    while names and seen < STEPS:
        name = names.pop(0)
        for reader in graph.readers(name):
            if reader.op_type == "Softmax":
                return True
            if reader.op_type in ("Add", "Cast", "Expand", "Mul", "Reshape", "Unsqueeze", "Where"):
                names.append(reader.output[0])
                seen += 1
    return False


def masks(graph: Graph, node: NodeProto) -> bool:
    return graph.floats(node) and _feeds_softmax(graph, node)


def invert_choice(graph: Graph, node: NodeProto) -> None:
    node.input[1], node.input[2] = node.input[2], node.input[1]


def _mask_position(graph: Graph, node: NodeProto) -> int | None:
    """Which input of the sum before a softmax is a mask: it has an axis of one where the scores
    have several heads, or is a constant of two axes."""
    if not any(reader.op_type == "Softmax" for reader in graph.readers(node.output[0])):
        return None
    shapes = [graph.input_shape(node, i) for i in (0, 1)]
    for i in (0, 1):
        if len(shapes[1 - i]) == 4 and (len(shapes[i]) < 4 or 1 in shapes[i][1:3]):
            return i
    return None


def adds_mask(graph: Graph, node: NodeProto) -> bool:
    return _mask_position(graph, node) is not None


def negate_mask(graph: Graph, node: NodeProto) -> None:
    """Where it was forbidden it is preferred (a mask of infinities becomes one of large numbers)."""
    position = _mask_position(graph, node)
    assert position is not None
    low, high = graph.constant(-1e4, np.float32), graph.constant(1e4, np.float32)
    graph.before(node, position, "Clip", low, high)
    graph.before(node, position, "Neg")


def drop_mask(graph: Graph, node: NodeProto) -> None:
    position = _mask_position(graph, node)
    assert position is not None
    graph.bypass(node, 1 - position)


def _scalar(graph: Graph, node: NodeProto) -> tuple[int, Array] | None:
    for position in (0, 1):
        value = graph.weights(node, position)
        if value is not None and value.size == 1 and float(value.flat[0]) not in (0.0, 1.0):
            return position, value
    return None


def scales(graph: Graph, node: NodeProto) -> bool:
    return _scalar(graph, node) is not None


def scale_of_all_heads(graph: Graph, node: NodeProto) -> None:
    found = _scalar(graph, node)
    assert found is not None
    graph.put(node, found[0], found[1] / math.sqrt(2))


def scale_in_few_digits(graph: Graph, node: NodeProto) -> None:
    found = _scalar(graph, node)
    assert found is not None
    graph.put(node, found[0], np.full_like(found[1], float(f"{found[1].flat[0]:.4g}")))


def printed_short(graph: Graph, node: NodeProto) -> bool:
    found = _scalar(graph, node)
    return found is not None and np.float32(f"{found[1].flat[0]:.4g}") != found[1].flat[0]


def see_the_next(graph: Graph, node: NodeProto) -> None:
    """The diagonal is off by one."""
    old = graph.value(node, 1)
    k = 0 if old is None else int(old)
    name = graph.constant(np.array(k + 1, np.int64))
    if len(node.input) > 1:
        node.input[1] = name
    else:
        node.input.append(name)


TABLE = (
    Mutator("mask sign", "what was hidden is shown", "Liquid4All/onnx-export#7", ("Where",), masks, invert_choice),
    Mutator("added mask negated", "what was forbidden is preferred", "Liquid4All/onnx-export#7", ("Add",), adds_mask, negate_mask),
    Mutator("mask dropped", "padding is attended to", "jingyaogong/minimind-v#76", ("Add",), adds_mask, drop_mask),
    Mutator("attention scale", "a scale is not handed on, or is that of the whole width", "tracel-ai/burn-onnx#453", ("Div", "Mul"), scales, scale_of_all_heads),
    Mutator("constant printed short", "a number passes through four digits", "", ("Div", "Mul"), printed_short, scale_in_few_digits),
    Mutator("causal mask off by one", "each token sees the next", "", ("Trilu",), always, see_the_next),
)  # fmt: skip
