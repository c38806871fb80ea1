"""Sums in another order, or in parts."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from scorecard.edit import Array, Graph
from scorecard.rewrites.row import Rewrite


def _order(size: int) -> Array:
    return np.random.default_rng(size).permutation(size)


def weighted_product(graph: Graph, node: NodeProto) -> bool:
    weights = graph.weights(node, 1, rank=2)
    return weights is not None and not graph.attribute(node, "transA", 0) and min(weights.shape) > 1


def _summed(graph: Graph, node: NodeProto) -> int:
    """The axis of a product's weights that is summed over."""
    return 1 if graph.attribute(node, "transB", 0) else 0


def shuffle_product(graph: Graph, node: NodeProto) -> None:
    weights, axis = graph.value(node, 1), _summed(graph, node)
    assert weights is not None
    order = _order(weights.shape[axis])
    graph.before(node, 0, "Gather", graph.constant(order), axis=-1)
    graph.put(node, 1, weights.take(order, axis))


def plain_convolution(graph: Graph, node: NodeProto) -> bool:
    weights = graph.weights(node, 1)
    return weights is not None and graph.attribute(node, "group", 1) == 1 and weights.shape[1] > 1


def shuffle_convolution(graph: Graph, node: NodeProto) -> None:
    weights = graph.value(node, 1)
    assert weights is not None
    order = _order(weights.shape[1])
    graph.before(node, 0, "Gather", graph.constant(order), axis=1)
    graph.put(node, 1, weights[:, order])


def split_product(graph: Graph, node: NodeProto) -> None:
    """As the sum of two over half of what is summed."""
    weights, axis = graph.value(node, 1), _summed(graph, node)
    assert weights is not None
    middle = weights.shape[axis] // 2
    _split_sum(graph, node, -1, np.split(weights, [middle], axis))


def split_convolution(graph: Graph, node: NodeProto) -> None:
    weights = graph.value(node, 1)
    assert weights is not None
    _split_sum(graph, node, 1, np.split(weights, [weights.shape[1] // 2], 1))


def _split_sum(graph: Graph, node: NodeProto, data_axis: int, parts: list[Array]) -> None:
    summed = 1 if node.op_type == "Conv" else _summed(graph, node)
    sizes = graph.constant([part.shape[summed] for part in parts], np.int64)
    halves = graph.insert_many(node, "Split", [node.input[0], sizes], 2, axis=data_axis)
    attributes = {a.name: graph.attribute(node, a.name) for a in node.attribute}
    second = graph.insert(node, node.op_type, [halves[1], graph.constant(parts[1])], **attributes)
    node.input[0] = halves[0]
    graph.put(node, 1, parts[0])
    graph.after(node, "Add", second)


def reduces(graph: Graph, node: NodeProto) -> bool:
    axes, shape = graph.value(node, 1), graph.input_shape(node)
    return (
        axes is not None
        and graph.floats(node)
        and all(isinstance(shape[int(a)], int) for a in axes)
    )


def shuffle_reduction(graph: Graph, node: NodeProto) -> None:
    shape, axes = graph.input_shape(node), graph.value(node, 1)
    assert axes is not None
    for axis in axes:
        size = shape[int(axis)]
        assert isinstance(size, int)
        graph.before(node, 0, "Gather", graph.constant(_order(size)), axis=int(axis))


def sum_and_divide(graph: Graph, node: NodeProto) -> None:
    shape, axes = graph.input_shape(node), graph.value(node, 1)
    assert axes is not None
    count = np.prod([int(shape[int(axis)]) for axis in axes])  # type: ignore[arg-type]
    node.op_type = "ReduceSum"
    graph.after(node, "Div", graph.constant(count, np.float32))


def image(graph: Graph, node: NodeProto) -> bool:
    return len(graph.input_shape(node)) == 4 and graph.weights(node, 1) is not None


def turn_and_back(graph: Graph, node: NodeProto) -> None:
    """Height and width exchanged around a convolution: it sums in another order."""
    weights = graph.value(node, 1)
    assert weights is not None
    for name in ("strides", "dilations", "kernel_shape", "output_padding"):
        value = graph.attribute(node, name)
        if value is not None:
            graph.set(node, **{name: list(value)[::-1]})
    pads = graph.attribute(node, "pads")
    if pads is not None:
        graph.set(node, pads=[pads[1], pads[0], pads[3], pads[2]])
    graph.before(node, 0, "Transpose", perm=[0, 1, 3, 2])
    graph.put(node, 1, weights.swapaxes(2, 3))
    graph.after(node, "Transpose", perm=[0, 1, 3, 2])


TABLE = (
    Rewrite(
        "products summed in another order", ("Gemm", "MatMul"), weighted_product, shuffle_product
    ),
    Rewrite(
        "convolutions summed in another order", ("Conv",), plain_convolution, shuffle_convolution
    ),
    Rewrite("products as two", ("Gemm", "MatMul"), weighted_product, split_product),
    Rewrite("convolutions as two", ("Conv",), plain_convolution, split_convolution),
    Rewrite("reductions in another order", ("ReduceMean", "ReduceSum"), reduces, shuffle_reduction),
    Rewrite("mean as sum and division", ("ReduceMean",), reduces, sum_and_divide),
    Rewrite("height and width turned", ("Conv", "ConvTranspose"), image, turn_and_back),
)
