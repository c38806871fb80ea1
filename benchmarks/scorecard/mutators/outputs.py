"""Faults of what is handed out: order, NaN, precision, layout."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, TensorProto

from scorecard.edit import Graph
from scorecard.mutators.mutator import Mutator


def last(graph: Graph, node: NodeProto) -> bool:
    return node.output[0] in graph.outputs and graph.type(node.output[0]) == TensorProto.FLOAT


def _twin(graph: Graph, node: NodeProto) -> str | None:
    """Another output of the model, of the same type and rank."""
    name = node.output[0]
    if name not in graph.outputs:
        return None
    rank = len(graph.output_shape(node))
    for other in graph.outputs[graph.outputs.index(name) + 1 :]:
        if graph.type(other) == graph.type(name) and len(graph.shape(other) or []) == rank:
            return other
    return None


def has_twin(graph: Graph, node: NodeProto) -> bool:
    return _twin(graph, node) is not None


def exchange_outputs(graph: Graph, node: NodeProto) -> None:
    name, twin = node.output[0], _twin(graph, node)
    assert twin is not None
    inner = graph.fresh("swapped")
    for one in list(graph.nodes):
        for names in (one.output, one.input):
            for i, value in enumerate(names):
                names[i] = {name: inner, twin: name}.get(value, value)
    for one in list(graph.nodes):
        for names in (one.output, one.input):
            for i, value in enumerate(names):
                if value == inner:
                    names[i] = twin


def spoil_largest(graph: Graph, node: NodeProto) -> None:
    """The largest element of all is NaN, as where an overflow is met by a difference."""
    end = graph.after(node, "Identity")
    inner = end.input[0]
    largest = graph.insert(end, "ReduceMax", [inner], keepdims=0)
    where = graph.insert(end, "Equal", [inner, largest])
    graph.become(end, "Where", [where, graph.constant(np.nan, np.float32), inner])


def half_output(graph: Graph, node: NodeProto) -> None:
    graph.before(graph.after(node, "Cast", to=TensorProto.FLOAT), 0, "Cast", to=TensorProto.FLOAT16)


def several_columns(graph: Graph, node: NodeProto) -> bool:
    shape = graph.output_shape(node)
    return last(graph, node) and bool(shape) and isinstance(shape[-1], int) and shape[-1] > 2


def exchange_columns(graph: Graph, node: NodeProto) -> None:
    columns = graph.output_shape(node)[-1]
    assert isinstance(columns, int)
    order = np.arange(columns)
    order[[0, -1]] = order[[-1, 0]]
    graph.after(node, "Gather", graph.constant(order), axis=-1)


def square_map(graph: Graph, node: NodeProto) -> bool:
    shape = graph.output_shape(node)
    return last(graph, node) and len(shape) == 4 and shape[2] == shape[3] and shape[2] != 1


def transpose_map(graph: Graph, node: NodeProto) -> None:
    graph.after(node, "Transpose", perm=[0, 1, 3, 2])


TABLE = (
    Mutator("swapped outputs", "two outputs under each other's name", "PINTO0309/onnx2tf#185", (), has_twin, exchange_outputs),
    Mutator("one-sided NaN", "one element is not a number", "apple/coremltools#2669", (), last, spoil_largest),
    Mutator("output through float16", "half the bits at the end", "", (), last, half_output),
    Mutator("two classes exchanged", "the order of labels", "", (), several_columns, exchange_columns),
    Mutator("map transposed", "height and width of what comes out", "", (), square_map, transpose_map),
)  # fmt: skip
