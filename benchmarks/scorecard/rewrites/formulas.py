"""Operators as the formulas that define them, and operands in another order."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from scorecard.edit import Graph
from scorecard.rewrites.row import Rewrite


def always(graph: Graph, node: NodeProto) -> bool:
    return graph.floats(node)


def exchange_operands(graph: Graph, node: NodeProto) -> None:
    node.input[0], node.input[1] = node.input[1], node.input[0]


def divides_by_constant(graph: Graph, node: NodeProto) -> bool:
    return graph.weights(node, 1) is not None


def multiply_by_inverse(graph: Graph, node: NodeProto) -> None:
    divisor = np.asarray(graph.value(node, 1), np.float64)
    graph.become(node, "Mul", [node.input[0], graph.constant(1 / divisor, np.float32)])


def unfuse_softmax(graph: Graph, node: NodeProto) -> None:
    x, axis = node.input[0], graph.constant([graph.attribute(node, "axis", -1)], np.int64)
    power = graph.insert(
        node, "Exp", [graph.insert(node, "Sub", [x, graph.insert(node, "ReduceMax", [x, axis])])]
    )
    graph.become(node, "Div", [power, graph.insert(node, "ReduceSum", [power, axis])])


def exact_gelu(graph: Graph, node: NodeProto) -> bool:
    return bool(graph.attribute(node, "approximate", "none") == "none")


def unfuse_gelu(graph: Graph, node: NodeProto) -> None:
    x = node.input[0]
    root, one, half = (graph.constant(v, np.float32) for v in (2**-0.5, 1.0, 0.5))
    error = graph.insert(node, "Erf", [graph.insert(node, "Mul", [x, root])])
    product = graph.insert(node, "Mul", [x, graph.insert(node, "Add", [error, one])])
    graph.become(node, "Mul", [product, half])


def last_axis_norm(graph: Graph, node: NodeProto) -> bool:
    rank = len(graph.input_shape(node))
    return (
        rank > 1 and graph.attribute(node, "axis", -1) in (-1, rank - 1) and len(node.output) == 1
    )


def unfuse_layer_norm(graph: Graph, node: NodeProto) -> None:
    x, axis = node.input[0], graph.constant([-1], np.int64)
    epsilon = graph.constant(graph.attribute(node, "epsilon", 1e-5), np.float32)
    centred = graph.insert(node, "Sub", [x, graph.insert(node, "ReduceMean", [x, axis])])
    square = graph.insert(node, "Mul", [centred, centred])
    variance = graph.insert(
        node, "Add", [graph.insert(node, "ReduceMean", [square, axis]), epsilon]
    )
    scaled = graph.insert(node, "Div", [centred, graph.insert(node, "Sqrt", [variance])])
    if len(node.input) > 2:
        scaled = graph.insert(node, "Mul", [scaled, node.input[1]])
        graph.become(node, "Add", [scaled, node.input[2]])
    else:
        graph.become(node, "Mul", [scaled, node.input[1]])


def sigmoid_by_exponential(graph: Graph, node: NodeProto) -> None:
    one = graph.constant(1.0, np.float32)
    power = graph.insert(node, "Exp", [graph.insert(node, "Neg", [node.input[0]])])
    graph.become(node, "Div", [one, graph.insert(node, "Add", [power, one])])


TABLE = (
    Rewrite("operands exchanged", ("Add", "Mul"), always, exchange_operands),
    Rewrite("division as multiplication", ("Div",), divides_by_constant, multiply_by_inverse),
    Rewrite("softmax unfused", ("Softmax",), always, unfuse_softmax),
    Rewrite("GELU unfused", ("Gelu",), exact_gelu, unfuse_gelu),
    Rewrite("layer norm unfused", ("LayerNormalization",), last_axis_norm, unfuse_layer_norm),
    Rewrite("sigmoid by its formula", ("Sigmoid",), always, sigmoid_by_exponential),
)
