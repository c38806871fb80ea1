"""What can be one operator or several: normalisation, bias, products."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from scorecard.edit import Array, Graph
from scorecard.rewrites.row import Rewrite
from scorecard.rewrites.sums import plain_convolution, weighted_product


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


TABLE = (
    Rewrite("batch norm unfused", ("BatchNormalization",), constant_norm, unfuse_norm),
    Rewrite("batch norm folded", ("BatchNormalization",), follows_convolution, fold_norm),
    Rewrite("bias apart", ("Conv", "ConvTranspose", "Gemm"), biased, separate_bias),
    Rewrite("Gemm as MatMul", ("Gemm",), plain_gemm, gemm_as_product),
    Rewrite("pointwise convolutions as products", ("Conv",), pointwise, pointwise_as_product),
    Rewrite("products of one input merged", ("MatMul",), shares_input, merge_products),
)
