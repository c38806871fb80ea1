"""Normalizations, softmax, and layers that reduce."""

import numpy as np
from interop.converters.caffe.exports.common import (
    Layer,
    Refused,
    as_top,
    axis_of,
    integers,
    scaled,
    shifted,
)

from interop.workers.onnx_file import Graph


def batch_norm(graph: Graph, layer: Layer, x: str) -> str:
    """By its statistics, kept as sums with the factor that they were summed by; with the Scale layer
    behind it, where there is one."""
    given = layer.param.batch_norm_param
    if given.HasField("use_global_stats") and not given.use_global_stats:
        raise Refused("it is to use the statistics of each batch, which not every Caffe then does")
    total = float(layer.blobs[2].reshape(-1)[0])
    factor = np.float32(0 if total == 0 else 1 / total)
    channels = layer.blobs[0].size
    mean, variance = (layer.weight(graph, index, layer.blobs[index] * factor) for index in (0, 1))
    gain, offset = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    if layer.scale is None:
        parts = [graph.constant(gain, "ones"), graph.constant(offset, "zeros")]
    else:
        parts = [layer.scale.weight(graph, index) for index in range(len(layer.scale.blobs))]
        if len(parts) == 1:
            parts.append(graph.constant(offset, "zeros"))
    return graph.node("BatchNormalization", [x, *parts, mean, variance], epsilon=given.eps)


def takes_along(scale: Layer) -> bool:
    """Whether that Scale layer, which is all that reads a BatchNorm, is one number a channel."""
    given = scale.param.scale_param
    single = len(scale.bottoms) == 1 and given.num_axes == 1
    return single and axis_of(given.axis, len(scale.bottoms[0])) == 1


def _moments(graph: Graph, x: str, axes: list[int]) -> tuple[str, str]:
    """`x` less its mean, and its variance."""
    mean = graph.node("ReduceMean", [x], axes=axes, keepdims=1)
    centred = graph.node("Sub", [x, mean])
    square = graph.node("Mul", [centred, centred])
    return centred, graph.node("ReduceMean", [square], axes=axes, keepdims=1)


def mvn(graph: Graph, layer: Layer, x: str) -> str:
    """Less the mean, and over the deviation, each image by itself."""
    given = layer.param.mvn_param
    first = 1 if given.across_channels else 2
    centred, variance = _moments(graph, x, list(range(first, len(layer.bottoms[0]))))
    if not given.normalize_variance:
        return centred
    return graph.node("Div", [centred, shifted(graph, graph.node("Sqrt", [variance]), given.eps)])


def lrn(graph: Graph, layer: Layer, x: str) -> str:
    given = layer.param.lrn_param
    if given.norm_region == given.ACROSS_CHANNELS:
        return graph.node(
            "LRN", [x], size=given.local_size, alpha=given.alpha, beta=given.beta, bias=given.k
        )
    half = (given.local_size - 1) // 2
    square = graph.node("Mul", [x, x])
    mean = graph.node(
        "AveragePool", [square], kernel_shape=[given.local_size] * 2, pads=[half] * 4,
        strides=[1, 1], count_include_pad=1,
    )  # fmt: skip
    # Within channels, Caffe adds 1 and not k.
    base = shifted(graph, scaled(graph, mean, given.alpha), 1.0)
    beta = graph.constant(np.float32(-given.beta), "beta")
    return graph.node("Mul", [x, graph.node("Pow", [base, beta])])


def softmax(graph: Graph, layer: Layer, x: str) -> str:
    axis = axis_of(layer.param.softmax_param.axis, len(layer.bottoms[0]))
    return graph.node("Softmax", [x], axis=axis)


def reduction(graph: Graph, layer: Layer, x: str) -> str:
    """Over `axis` and all behind it."""
    given, rank = layer.param.reduction_param, len(layer.bottoms[0])
    axes = list(range(axis_of(given.axis, rank), rank))
    if given.operation == given.SUM:
        result = graph.node("ReduceSum", [x, integers(graph, axes)], keepdims=0)
    else:
        operators = {
            given.ASUM: "ReduceL1",
            given.SUMSQ: "ReduceSumSquare",
            given.MEAN: "ReduceMean",
        }
        result = graph.node(operators[given.operation], [x], axes=axes, keepdims=0)
    return scaled(graph, result, given.coeff)


def arg_max(graph: Graph, layer: Layer, x: str) -> str:
    """The places of the largest, as floats: along an axis, or in all that belongs to a sample."""
    given, shape = layer.param.argmax_param, layer.bottoms[0]
    along = given.HasField("axis")
    axis = axis_of(given.axis, len(shape)) if along else 1
    if not along:
        x = graph.node("Flatten", [x], axis=1)
    if given.top_k == 1 and not given.out_max_val:  # of several that are largest, the last
        place = graph.node("ArgMax", [x], axis=axis, keepdims=1, select_last_index=1)
        return as_top(graph, layer, graph.node("Cast", [place], to=1))
    count = integers(graph, [given.top_k])
    values, places = graph.node("TopK", [x, count], count=2, axis=axis)
    if along and given.out_max_val:
        return values
    result = graph.node("Cast", [places], to=1)
    if given.out_max_val:
        result = graph.node("Concat", [result, values], axis=1)
    return as_top(graph, layer, result)


def inner_product(graph: Graph, layer: Layer, x: str) -> str:
    """By a matrix of weights, with `axis` and all behind it as one."""
    given, shape = layer.param.inner_product_param, layer.bottoms[0]
    axis, rank = axis_of(given.axis, len(shape)), len(shape)
    if axis == 0:
        raise Refused("its product is over the batch, too")
    weights = [layer.weight(graph, index) for index in range(len(layer.blobs))]
    if axis == 1:
        flat = x if rank == 2 else graph.node("Flatten", [x], axis=1)
        return graph.node("Gemm", [flat, *weights], transB=int(not given.transpose))
    if rank - axis > 1:
        inner = int(np.prod(shape[axis:]))
        x = graph.node("Reshape", [x, integers(graph, [*[0] * axis, inner])])
    if not given.transpose:
        weights[0] = graph.node("Transpose", [weights[0]], perm=[1, 0])
    result = graph.node("MatMul", [x, weights[0]])
    return graph.node("Add", [result, weights[1]]) if len(weights) > 1 else result
