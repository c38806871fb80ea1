"""Faults of weights: transposed, permuted, dropped, rounded."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from scorecard.edit import Graph
from scorecard.mutators.mutator import Mutator

PRODUCTS = ("Gemm", "MatMul")
WEIGHTED = ("Conv", "ConvTranspose", "GRU", "Gemm", "LSTM", "MatMul", "RNN")
BIASED = ("Conv", "ConvTranspose", "Gemm")


def square(graph: Graph, node: NodeProto) -> bool:
    weights = graph.weights(node, 1, rank=2)
    return weights is not None and weights.shape[0] == weights.shape[1] > 1


def transpose(graph: Graph, node: NodeProto) -> None:
    graph.put(node, 1, graph.value(node, 1).T)  # type: ignore[union-attr]


def several_channels(graph: Graph, node: NodeProto) -> bool:
    weights = graph.weights(node, 1)
    return weights is not None and weights.shape[_out_axis(graph, node)] > 1


def _out_axis(graph: Graph, node: NodeProto) -> int:
    """The axis of the weights that counts what comes out."""
    if node.op_type == "Gemm":
        return 0 if graph.attribute(node, "transB", 0) else 1
    return {"Conv": 0, "ConvTranspose": 1}.get(node.op_type, -1)


def exchange_channels(graph: Graph, node: NodeProto) -> None:
    """The first and the last channel of what comes out; their biases stay."""
    weights = np.array(graph.value(node, 1))
    moved = np.moveaxis(weights, _out_axis(graph, node), 0)
    moved[[0, -1]] = moved[[-1, 0]]
    graph.put(node, 1, weights)


def constant_bias(graph: Graph, node: NodeProto) -> bool:
    bias = graph.weights(node, 2)
    return bias is not None and bool(np.any(bias))


def drop_bias(graph: Graph, node: NodeProto) -> None:
    graph.drop_input(node, 2)


def rotate_bias(graph: Graph, node: NodeProto) -> None:
    graph.put(node, 2, np.roll(graph.value(node, 2), 1))  # type: ignore[arg-type]


def added_bias(graph: Graph, node: NodeProto) -> bool:
    return any(
        graph.computed(node, 1 - i) and graph.weights(node, i, rank=1) is not None for i in (0, 1)
    )


def drop_added_bias(graph: Graph, node: NodeProto) -> None:
    graph.bypass(node, 0 if graph.computed(node, 0) else 1)


def constant_weights(graph: Graph, node: NodeProto) -> bool:
    return graph.weights(node, 1) is not None


def through_half(graph: Graph, node: NodeProto) -> None:
    graph.put(node, 1, graph.value(node, 1).astype(np.float16))  # type: ignore[union-attr]


def table(graph: Graph, node: NodeProto) -> bool:
    found = graph.weights(node, 0, rank=2)
    return found is not None and graph.computed(node, 1) and len(found) > 2


def shift_table(graph: Graph, node: NodeProto) -> None:
    """The index 0 is set aside, as it is where 0 means padding."""
    graph.put(node, 0, np.roll(graph.value(node, 0), 1, axis=0))  # type: ignore[arg-type]


TABLE = (
    Mutator(
        "transposed square weight", "nothing but the values shows it",
        "nntrainer/nntrainer#1994", PRODUCTS, square, transpose,
    ),
    Mutator(
        "permuted channels", "the filters of two channels are exchanged",
        "", ("Conv", "ConvTranspose", *PRODUCTS), several_channels, exchange_channels,
    ),
    Mutator(
        "dropped bias", "a bias is lost on the way",
        "fastmachinelearning/qonnx#25", BIASED, constant_bias, drop_bias,
    ),
    Mutator(
        "dropped bias of a product", "the same, where the bias is a node of its own",
        "fastmachinelearning/qonnx#25", ("Add",), added_bias, drop_added_bias,
    ),
    Mutator(
        "bias of the next channel", "biases are off by one channel",
        "PINTO0309/onnx2tf#5", BIASED, constant_bias, rotate_bias,
    ),
    Mutator(
        "one tensor through float16", "a weight is stored in half the bits, silently",
        "ultralytics/yolov5#1141", WEIGHTED, constant_weights, through_half,
    ),
    Mutator(
        "embedding off by one", "a table has its row for padding first, or not",
        "", ("Gather",), table, shift_table,
    ),
)  # fmt: skip
