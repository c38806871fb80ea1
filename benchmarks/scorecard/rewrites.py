"""Faithful ways to say the same function: what converters and compilers do to a graph without fault.

Weights that are computed anew are computed in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto

from scorecard.edit import Array, Graph


@dataclass(frozen=True)
class Rewrite:
    """Applied at every node that it fits: in `where`, `change` as for a mutator."""

    name: str
    ops: tuple[str, ...]
    where: Callable[[Graph, NodeProto], bool]
    change: Callable[[Graph, NodeProto], None]


def rewrite(row: Rewrite, model: ModelProto) -> tuple[ModelProto, int]:
    """`model` with the rewrite at every node that it fits, and how many those are."""
    graph = Graph.copy_of(model)
    found = [n.output[0] for n in graph.nodes if n.op_type in row.ops and row.where(graph, n)]
    for name in found:
        row.change(graph, graph.node(name))
    return graph.finish(), len(found)


# --- sums in another order --------------------------------------------------------------------


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


# --- fused and unfused ------------------------------------------------------------------------


def constant_norm(graph: Graph, node: NodeProto) -> bool:
    return all(graph.weights(node, i) is not None for i in (1, 2, 3, 4))


def _affine(graph: Graph, node: NodeProto) -> tuple[Array, Array]:
    """Scale and shift of a batch normalisation."""
    scale, bias, mean, variance = (
        np.asarray(graph.value(node, i), np.float64) for i in (1, 2, 3, 4)
    )
    factor = scale / np.sqrt(variance + graph.attribute(node, "epsilon", 1e-5))
    return factor, bias - mean * factor


def unfuse_norm(graph: Graph, node: NodeProto) -> None:
    rank = len(graph.input_shape(node))
    factor, shift = (a.reshape(-1, *[1] * (rank - 2)) for a in _affine(graph, node))
    product = graph.insert(node, "Mul", [node.input[0], graph.constant(factor, np.float32)])
    graph.become(node, "Add", [product, graph.constant(shift, np.float32)])


def follows_convolution(graph: Graph, node: NodeProto) -> bool:
    before = next((n for n in graph.nodes if node.input[0] in n.output), None)
    return (
        constant_norm(graph, node) and before is not None and before.op_type == "Conv"
        and len(graph.readers(node.input[0])) == 1 and node.input[0] not in graph.outputs
        and graph.weights(before, 1) is not None and (len(before.input) < 3 or graph.weights(before, 2) is not None)
    )  # fmt: skip


def fold_norm(graph: Graph, node: NodeProto) -> None:
    convolution = graph.node(node.input[0])
    factor, shift = _affine(graph, node)
    weights = np.asarray(graph.value(convolution, 1), np.float64)
    bias = graph.value(convolution, 2) if len(convolution.input) > 2 else np.zeros(len(weights))
    folded = graph.constant(bias * factor + shift, np.float32)
    graph.put(convolution, 1, weights * factor.reshape(-1, *[1] * (weights.ndim - 1)))
    convolution.input[2:] = [folded]
    graph.bypass(node)


def biased(graph: Graph, node: NodeProto) -> bool:
    return graph.weights(node, 2) is not None and graph.attribute(node, "beta", 1.0) == 1.0


def separate_bias(graph: Graph, node: NodeProto) -> None:
    bias = graph.value(node, 2)
    assert bias is not None
    rank = len(graph.output_shape(node))
    shaped = bias if node.op_type == "Gemm" else bias.reshape(-1, *[1] * (rank - 2))
    graph.drop_input(node, 2)
    graph.after(node, "Add", graph.constant(shaped))


def plain_gemm(graph: Graph, node: NodeProto) -> bool:
    plain = graph.attribute(node, "alpha", 1.0) == graph.attribute(node, "beta", 1.0) == 1.0
    return plain and weighted_product(graph, node) and (len(node.input) < 3 or biased(graph, node))


def gemm_as_product(graph: Graph, node: NodeProto) -> None:
    weights = graph.value(node, 1)
    assert weights is not None
    turned = graph.constant(weights.T if graph.attribute(node, "transB", 0) else weights)
    product = graph.insert(node, "MatMul", [node.input[0], turned])
    if len(node.input) > 2:
        graph.become(node, "Add", [product, node.input[2]])
    else:
        graph.become(node, "Identity", [product])


def pointwise(graph: Graph, node: NodeProto) -> bool:
    weights = graph.weights(node, 1, rank=4)
    ones = {*graph.attribute(node, "strides", [1]), 1} == {1} and not any(
        graph.attribute(node, "pads", [0])
    )
    return (
        weights is not None
        and weights.shape[2:] == (1, 1)
        and ones
        and plain_convolution(graph, node)
    )


def pointwise_as_product(graph: Graph, node: NodeProto) -> None:
    weights = graph.value(node, 1)
    assert weights is not None
    last = graph.insert(node, "Transpose", [node.input[0]], perm=[0, 2, 3, 1])
    product = graph.insert(node, "MatMul", [last, graph.constant(weights[:, :, 0, 0].T)])
    if len(node.input) > 2:
        product = graph.insert(node, "Add", [product, node.input[2]])
    graph.become(node, "Transpose", [product], perm=[0, 3, 1, 2])


def shares_input(graph: Graph, node: NodeProto) -> bool:
    return weighted_product(graph, node) and _twin(graph, node) is not None


def _twin(graph: Graph, node: NodeProto) -> NodeProto | None:
    """A later product of the same input by other weights."""
    seen = False
    for other in graph.nodes:
        if seen and other.op_type == "MatMul" and other.input[0] == node.input[0]:
            return other if graph.weights(other, 1, rank=2) is not None else None  # type: ignore[no-any-return]
        seen = seen or other.output == node.output
    return None


def merge_products(graph: Graph, node: NodeProto) -> None:
    """One product by both weights, and a Split."""
    other = _twin(graph, node)
    if other is None:  # the one before has taken it
        return
    both = [graph.value(one, 1) for one in (node, other)]
    sizes = graph.constant([one.shape[1] for one in both if one is not None], np.int64)
    joined = graph.constant(np.concatenate([one for one in both if one is not None], axis=1))
    product = graph.insert(node, "MatMul", [node.input[0], joined])
    first, second = graph.insert_many(node, "Split", [product, sizes], 2, axis=-1)
    graph.become(node, "Identity", [first])
    graph.become(other, "Identity", [second])


# --- elementwise ------------------------------------------------------------------------------


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


REWRITES: tuple[Rewrite, ...] = (
    Rewrite("products summed in another order", ("Gemm", "MatMul"), weighted_product, shuffle_product),
    Rewrite("convolutions summed in another order", ("Conv",), plain_convolution, shuffle_convolution),
    Rewrite("products as two", ("Gemm", "MatMul"), weighted_product, split_product),
    Rewrite("convolutions as two", ("Conv",), plain_convolution, split_convolution),
    Rewrite("reductions in another order", ("ReduceMean", "ReduceSum"), reduces, shuffle_reduction),
    Rewrite("mean as sum and division", ("ReduceMean",), reduces, sum_and_divide),
    Rewrite("batch norm unfused", ("BatchNormalization",), constant_norm, unfuse_norm),
    Rewrite("batch norm folded", ("BatchNormalization",), follows_convolution, fold_norm),
    Rewrite("bias apart", ("Conv", "ConvTranspose", "Gemm"), biased, separate_bias),
    Rewrite("Gemm as MatMul", ("Gemm",), plain_gemm, gemm_as_product),
    Rewrite("pointwise convolutions as products", ("Conv",), pointwise, pointwise_as_product),
    Rewrite("products of one input merged", ("MatMul",), shares_input, merge_products),
    Rewrite("operands exchanged", ("Add", "Mul"), always, exchange_operands),
    Rewrite("division as multiplication", ("Div",), divides_by_constant, multiply_by_inverse),
    Rewrite("softmax unfused", ("Softmax",), always, unfuse_softmax),
    Rewrite("GELU unfused", ("Gelu",), exact_gelu, unfuse_gelu),
    Rewrite("layer norm unfused", ("LayerNormalization",), last_axis_norm, unfuse_layer_norm),
    Rewrite("sigmoid by its formula", ("Sigmoid",), always, sigmoid_by_exponential),
    Rewrite("height and width turned", ("Conv", "ConvTranspose"), image, turn_and_back),
)  # fmt: skip
