"""Faults of arithmetic: integers, casts, reductions, operands."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, TensorProto

from scorecard.edit import FLOATS, INTEGERS, Graph
from scorecard.mutators.mutator import Mutator, always


def integers(graph: Graph, node: NodeProto) -> bool:
    return graph.type(node.output[0]) in INTEGERS


def floor_division(graph: Graph, node: NodeProto) -> None:
    """ONNX divides integers towards zero, Python downwards."""
    a, b = node.input
    quotient = graph.insert(node, "Div", [a, b])
    rest = graph.insert(node, "Sub", [a, graph.insert(node, "Mul", [quotient, b])])
    signs = [graph.insert(node, "Sign", [name]) for name in (rest, b)]
    product = graph.insert(node, "Mul", signs)
    below = graph.insert(node, "Min", [product, graph.constant(0, _type(graph, node))])
    graph.become(node, "Add", [quotient, below])


def _type(graph: Graph, node: NodeProto) -> type:
    return np.int32 if graph.type(node.output[0]) == TensorProto.INT32 else np.int64


def other_sign(graph: Graph, node: NodeProto) -> None:
    graph.set(node, fmod=1 - graph.attribute(node, "fmod", 0))


def to_integer(graph: Graph, node: NodeProto) -> bool:
    return graph.type(node.input[0]) in FLOATS and integers(graph, node)


def round_first(graph: Graph, node: NodeProto) -> None:
    graph.before(node, 0, "Round")


def long_product(graph: Graph, node: NodeProto) -> bool:
    return graph.type(node.output[0]) == TensorProto.INT64


def wrap(graph: Graph, node: NodeProto) -> None:
    graph.before(graph.after(node, "Cast", to=TensorProto.INT64), 0, "Cast", to=TensorProto.INT32)


def large(graph: Graph, node: NodeProto) -> bool:
    """An activation of floats that is not the last of all, where float16 would be silent."""
    return graph.floats(node) and node.output[0] not in graph.outputs


def activation_half(graph: Graph, node: NodeProto) -> None:
    graph.before(node, 0, "Cast", to=TensorProto.FLOAT16)
    graph.before(node, 0, "Cast", to=TensorProto.FLOAT)


def subtracts(graph: Graph, node: NodeProto) -> bool:
    return graph.floats(node) and node.input[0] != node.input[1]


def exchange_operands(graph: Graph, node: NodeProto) -> None:
    node.input[0], node.input[1] = node.input[1], node.input[0]


def sum_for_mean(graph: Graph, node: NodeProto) -> None:
    node.op_type = "ReduceSum"


def reduces_one(graph: Graph, node: NodeProto) -> bool:
    axes, shape = graph.value(node, 1), graph.input_shape(node)
    return axes is not None and len(axes) == 1 and len(shape) > 2 and graph.floats(node)


def other_axis(graph: Graph, node: NodeProto) -> None:
    rank, axes = len(graph.input_shape(node)), graph.value(node, 1)
    assert axes is not None
    axis = int(axes[0]) % rank
    graph.put(node, 1, np.array([axis + 1 if axis < rank - 1 else axis - 1]))


def half_away(graph: Graph, node: NodeProto) -> None:
    half = graph.insert(node, "Add", [node.input[0], graph.constant(0.5, np.float32)])
    graph.become(node, "Floor", [half])


TABLE = (
    Mutator("integer division", "downwards for towards zero", "microsoft/onnxruntime#26997", ("Div",), integers, floor_division),
    Mutator("modulo sign", "the sign of the dividend or of the divisor", "pytorch/executorch#90", ("Mod",), integers, other_sign),
    Mutator("cast truncation", "a cast to integers rounds", "", ("Cast",), to_integer, round_first),
    Mutator("int64 to int32 wrap", "numbers beyond 32 bits wrap around", "onnx/onnx-tensorrt#299", ("Mul",), long_product, wrap),
    Mutator("one activation through float16", "half the bits, silently", "NVIDIA/TensorRT#2899", ("Conv", "Gemm", "MatMul"), large, activation_half),
    Mutator("operands exchanged", "a - b for b - a", "", ("Div", "Pow", "Sub"), subtracts, exchange_operands),
    Mutator("sum for mean", "a reduction of another kind", "", ("ReduceMean",), always, sum_for_mean),
    Mutator("reduction over another axis", "axes counted from the other layout", "", ("ReduceMean", "ReduceMax", "ReduceSum"), reduces_one, other_axis),
    Mutator("halves rounded up", "not to even", "", ("Round",), always, half_away),
)  # fmt: skip
