"""Faults of recurrent layers: gates, directions, states."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from scorecard.edit import Array, Graph
from scorecard.mutators.mutator import Mutator, always

GATES = {"LSTM": 4, "GRU": 3}
GATED = tuple(GATES)
ALL = (*GATED, "RNN")
INITIAL_H, INITIAL_C = 5, 6  # inputs


def _weighted(graph: Graph, node: NodeProto) -> bool:
    return all(graph.weights(node, i) is not None for i in (1, 2))


def exchange_gates(graph: Graph, node: NodeProto) -> None:
    """The last two but the candidate's (o and f of an LSTM), or the first two of a GRU."""
    count = GATES[node.op_type]
    order = [0, 2, 1, 3] if count == 4 else [1, 0, 2]
    for position, times in ((1, 1), (2, 1), (3, 2)):
        weights = graph.value(node, position)
        if weights is None:
            continue
        blocks = np.stack(np.split(weights, count * times, axis=1))
        wanted = [count * half + gate for half in range(times) for gate in order]
        graph.put(node, position, np.concatenate(list(blocks[wanted]), axis=1))


def both_ways(graph: Graph, node: NodeProto) -> bool:
    return _weighted(graph, node) and graph.attribute(node, "direction") == "bidirectional"


def exchange_directions(graph: Graph, node: NodeProto) -> None:
    for position in (1, 2, 3):
        weights = graph.value(node, position)
        if weights is not None:
            graph.put(node, position, weights[::-1])


def one_way(graph: Graph, node: NodeProto) -> bool:
    return graph.attribute(node, "direction", "forward") != "bidirectional"


def other_way(graph: Graph, node: NodeProto) -> None:
    forward = graph.attribute(node, "direction", "forward") == "forward"
    graph.set(node, direction="reverse" if forward else "forward")


def state_given(graph: Graph, node: NodeProto) -> bool:
    return graph.given(node, INITIAL_H)


def drop_state(graph: Graph, node: NodeProto) -> None:
    graph.drop_input(node, INITIAL_H)


def both_states(graph: Graph, node: NodeProto) -> bool:
    return graph.given(node, INITIAL_H) and graph.given(node, INITIAL_C)


def exchange_states(graph: Graph, node: NodeProto) -> None:
    node.input[INITIAL_H], node.input[INITIAL_C] = node.input[INITIAL_C], node.input[INITIAL_H]


def toggle_reset(graph: Graph, node: NodeProto) -> None:
    graph.set(node, linear_before_reset=1 - graph.attribute(node, "linear_before_reset", 0))


def _recurrent_bias(graph: Graph, node: NodeProto) -> Array | None:
    bias = graph.value(node, 3)
    return None if bias is None else bias[:, bias.shape[1] // 2 :]


def recurrent_bias(graph: Graph, node: NodeProto) -> bool:
    bias = _recurrent_bias(graph, node)
    return bias is not None and bool(np.any(bias))


def drop_recurrent_bias(graph: Graph, node: NodeProto) -> None:
    bias = np.array(graph.value(node, 3))
    bias[:, bias.shape[1] // 2 :] = 0
    graph.put(node, 3, bias)


def recurrent_half(graph: Graph, node: NodeProto) -> None:
    graph.put(node, 2, graph.value(node, 2).astype(np.float16))  # type: ignore[union-attr]


TABLE = (
    Mutator("gate order", "gates in the order of another framework", "CrispStrobe/CrispASR#106", GATED, _weighted, exchange_gates),
    Mutator("directions exchanged", "forward weights backward", "onnx/keras-onnx#523", ALL, both_ways, exchange_directions),
    Mutator("the other direction", "forward for reverse", "tensorflow/tensorflow#40345", ALL, one_way, other_way),
    Mutator("initial state", "not handed on", "onnx/onnx-tensorflow#408", ALL, state_given, drop_state),
    Mutator("states exchanged", "the hidden and the cell state in another order", "neulab/xnmt#223", ("LSTM",), both_states, exchange_states),
    Mutator("linear_before_reset", "a GRU resets before it multiplies, or after", "microsoft/onnxscript#2852", ("GRU",), always, toggle_reset),
    Mutator("recurrent bias", "one of two biases is kept", "onnx/keras-onnx#33", GATED, recurrent_bias, drop_recurrent_bias),
    Mutator("recurrent matrix through float16", "half the bits, silently", "ultralytics/yolov5#1141", ALL, _weighted, recurrent_half),
)  # fmt: skip
