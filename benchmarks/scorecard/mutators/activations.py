"""Faults of activations: another slope, another form, missing, doubled."""

from __future__ import annotations

import math

import numpy as np
from onnx import NodeProto

from scorecard.edit import Graph
from scorecard.mutators.mutator import Mutator, always

#: Those that change something when they are applied again.
BENT = ("Elu", "Gelu", "HardSwish", "LeakyRelu", "Mish", "Sigmoid", "Softmax", "Softplus", "Tanh")
SINGLE = (*BENT, "Relu", "HardSigmoid")


def slope(graph: Graph, node: NodeProto) -> None:
    """TensorFlow's default, or Keras' where that is what it was."""
    graph.set(node, alpha=0.3 if abs(graph.attribute(node, "alpha", 0.01) - 0.2) < 0.01 else 0.2)


def sloped_by_channel(graph: Graph, node: NodeProto) -> bool:
    slopes = graph.weights(node, 1)
    return slopes is not None and len(np.unique(slopes)) > 1


def one_slope(graph: Graph, node: NodeProto) -> None:
    slopes = graph.value(node, 1)
    assert slopes is not None
    graph.put(node, 1, np.full_like(slopes, slopes.flat[0]))


def remove(graph: Graph, node: NodeProto) -> None:
    graph.bypass(node)


def double(graph: Graph, node: NodeProto) -> None:
    attributes = {a.name: graph.attribute(node, a.name) for a in node.attribute}
    graph.after(node, node.op_type, **attributes)


def to_relu6(graph: Graph, node: NodeProto) -> None:
    low, high = (graph.constant(value, np.float32) for value in (0.0, 6.0))
    graph.become(node, "Clip", [node.input[0], low, high])


def other_gelu(graph: Graph, node: NodeProto) -> None:
    if node.op_type == "Gelu":
        exact = graph.attribute(node, "approximate", "none") == "none"
        graph.set(node, approximate="tanh" if exact else "none")
        return
    # erf(y) with y = x / sqrt(2), by the formula of the approximation: tanh(ay + by^3)
    y = node.input[0]
    a, b = 2 / math.sqrt(math.pi), 2 * math.sqrt(2) * 0.044715 * math.sqrt(2 / math.pi)
    cube = graph.insert(node, "Mul", [graph.insert(node, "Mul", [y, y]), y])
    first = graph.insert(node, "Mul", [y, graph.constant(a, np.float32)])
    third = graph.insert(node, "Mul", [cube, graph.constant(b, np.float32)])
    graph.become(node, "Tanh", [graph.insert(node, "Add", [first, third])])


def other_elu(graph: Graph, node: NodeProto) -> None:
    graph.set(node, alpha=graph.attribute(node, "alpha", 1.0) * 0.5)


def hard_sigmoid(graph: Graph, node: NodeProto) -> None:
    graph.become(node, "HardSigmoid", [node.input[0]], alpha=0.2, beta=0.5)


def several_axes(graph: Graph, node: NodeProto) -> bool:
    return len(graph.input_shape(node)) > 1


def other_axis(graph: Graph, node: NodeProto) -> None:
    """The one before (the last, where that would be the batch)."""
    rank = len(graph.input_shape(node))
    axis = graph.attribute(node, "axis", -1) % rank
    graph.set(node, axis=(axis - 1 if axis > 1 else rank - 1 if axis < rank - 1 else 0))


def bounded_above(graph: Graph, node: NodeProto) -> bool:
    return graph.weights(node, 2) is not None


def bounded_below(graph: Graph, node: NodeProto) -> bool:
    return graph.weights(node, 1) is not None


def no_upper_bound(graph: Graph, node: NodeProto) -> None:
    graph.drop_input(node, 2)


def no_lower_bound(graph: Graph, node: NodeProto) -> None:
    graph.drop_input(node, 1)


def wider_bounds(graph: Graph, node: NodeProto) -> None:
    high = graph.value(node, 2)
    assert high is not None
    graph.put(node, 2, high * 1.05)


TABLE = (
    Mutator(
        "leaky slope", "the default of another framework for the slope that was given",
        "jinyu121/DW2TF#2", ("LeakyRelu",), always, slope,
    ),
    Mutator(
        "one slope for all channels", "PRelu's slopes are not by channel",
        "PINTO0309/onnx2tf#418", ("PRelu",), sloped_by_channel, one_slope,
    ),
    Mutator(
        "missing activation", "lost when it was to be fused",
        "microsoft/onnxruntime#236", SINGLE, always, remove,
    ),
    Mutator(
        "doubled activation", "fused, and left standing as well",
        "google-ai-edge/litert-torch#441", BENT, always, double,
    ),
    Mutator(
        "relu6 for relu", "bounded where it is not",
        "", ("Relu",), always, to_relu6,
    ),
    Mutator(
        "upper bound lost", "relu for relu6",
        "microsoft/MMdnn#72", ("Clip",), bounded_above, no_upper_bound,
    ),
    Mutator(
        "lower bound lost", "a bound becomes that of the type",
        "Tencent/ncnn#1609", ("Clip",), bounded_below, no_lower_bound,
    ),
    Mutator(
        "clip bounds", "a bound that is not quite the same",
        "PINTO0309/onnx2tf#533", ("Clip",), bounded_above, wider_bounds,
    ),
    Mutator(
        "the other GELU", "tanh for the exact one, or the exact one for it",
        "apache/tvm#18750", ("Erf", "Gelu"), always, other_gelu,
    ),
    Mutator(
        "elu alpha", "alpha is not handed on",
        "", ("Elu",), always, other_elu,
    ),
    Mutator(
        "hard sigmoid", "the piecewise linear one for the sigmoid",
        "onnx/tensorflow-onnx#2001", ("Sigmoid",), always, hard_sigmoid,
    ),
    Mutator(
        "softmax axis", "the default axis of another opset",
        "onnx/onnx-mlir#832", ("LogSoftmax", "Softmax"), several_axes, other_axis,
    ),
)  # fmt: skip
