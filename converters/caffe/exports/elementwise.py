"""Layers that work entry by entry."""

import math

import numpy as np
from interop.converters.caffe.exports.common import (
    Export,
    Layer,
    Refused,
    axis_of,
    number,
    scaled,
    shaped,
    shifted,
)

from interop.workers.onnx_file import Graph


def each(operator: str) -> Export:
    """The layer is this operator of one tensor."""

    def convert(graph: Graph, layer: Layer, x: str) -> str:
        return graph.node(operator, [x])

    return convert


def relu(graph: Graph, layer: Layer, x: str) -> str:
    slope = layer.param.relu_param.negative_slope
    return graph.node("LeakyRelu", [x], alpha=slope) if slope else graph.node("Relu", [x])


def prelu(graph: Graph, layer: Layer, x: str) -> str:
    """One slope a channel, or one for all."""
    beside = [1] * (len(layer.tops[0]) - 2)
    slope = layer.weight(graph, 0, layer.blobs[0].reshape(-1, *beside))
    return graph.node("PRelu", [x, slope])


def elu(graph: Graph, layer: Layer, x: str) -> str:
    return graph.node("Elu", [x], alpha=layer.param.elu_param.alpha)


def swish(graph: Graph, layer: Layer, x: str) -> str:
    gate = graph.node("Sigmoid", [scaled(graph, x, layer.param.swish_param.beta)])
    return graph.node("Mul", [x, gate])


def power(graph: Graph, layer: Layer, x: str) -> str:
    """(shift + scale · x) ^ power"""
    given = layer.param.power_param
    y = shifted(graph, scaled(graph, x, given.scale), given.shift)
    if given.power == 1:
        return y
    own = {0.5: "Sqrt", -1.0: "Reciprocal"}.get(given.power)
    if own is not None:
        return graph.node(own, [y])
    return graph.node("Pow", [y, number(graph, given.power)])


def _log_of_base(base: float) -> float:
    """Caffe's -1 stands for e."""
    return 1.0 if base == -1 else math.log(base)


def exp(graph: Graph, layer: Layer, x: str) -> str:
    """base ^ (shift + scale · x)"""
    given = layer.param.exp_param
    rate = _log_of_base(given.base)
    y = graph.node("Exp", [scaled(graph, x, given.scale * rate)])
    return scaled(graph, y, math.exp(given.shift * rate))


def log(graph: Graph, layer: Layer, x: str) -> str:
    """Logarithm to the base, of shift + scale · x"""
    given = layer.param.log_param
    y = graph.node("Log", [shifted(graph, scaled(graph, x, given.scale), given.shift)])
    return scaled(graph, y, 1 / _log_of_base(given.base))


def threshold(graph: Graph, layer: Layer, x: str) -> str:
    """1 where `x` is above the threshold, else 0."""
    above = graph.node("Greater", [x, number(graph, layer.param.threshold_param.threshold)])
    return graph.node("Cast", [above], to=1)


def eltwise(graph: Graph, layer: Layer, *terms: str) -> str:
    """A product, a sum with coefficients, or the larger ones."""
    given = layer.param.eltwise_param
    if given.operation == given.MAX:
        return graph.node("Max", list(terms))
    if given.operation == given.PROD:
        result = terms[0]
        for term in terms[1:]:
            result = graph.node("Mul", [result, term])
        return result
    factors = list(given.coeff) or [1.0] * len(terms)
    result = scaled(graph, terms[0], factors[0])
    for term, factor in zip(terms[1:], factors[1:]):
        if factor == -1:
            result = graph.node("Sub", [result, term])
        else:
            result = graph.node("Add", [result, scaled(graph, term, factor)])
    return result


def scale(graph: Graph, layer: Layer, x: str, factor: str = "") -> str:
    """Times a tensor whose axes stand from `axis` on: its own, or another bottom; plus its bias."""
    given = layer.param.scale_param
    result = graph.node("Mul", [x, _beside(graph, layer, factor, given.axis)])
    if not given.bias_term:
        return result
    blob = len(layer.blobs) - 1
    return graph.node("Add", [result, _own(graph, layer, blob, given.axis)])


def bias(graph: Graph, layer: Layer, x: str, term: str = "") -> str:
    return graph.node("Add", [x, _beside(graph, layer, term, layer.param.bias_param.axis)])


def _beside(graph: Graph, layer: Layer, other: str, axis: int) -> str:
    """The second operand, so that it broadcasts as ONNX wants it."""
    if not other:
        return _own(graph, layer, 0, axis)
    rank, shape = len(layer.bottoms[0]), layer.bottoms[1]
    first = 0 if not shape else axis_of(axis, rank)
    if layer.open_bottoms[1] and first != 0:
        raise Refused("its second bottom has the batch where the first has another axis")
    behind = rank - first - len(shape)
    if not behind:
        return other
    return shaped(graph, other, (*shape, *[1] * behind), layer.open_bottoms[1])


def _own(graph: Graph, layer: Layer, index: int, axis: int) -> str:
    rank, blob = len(layer.bottoms[0]), layer.blobs[index]
    behind = rank - axis_of(axis, rank) - blob.ndim if blob.ndim else 0
    return layer.weight(graph, index, blob.reshape([*blob.shape, *[1] * behind]))


def embed(graph: Graph, layer: Layer, x: str) -> str:
    """Rows by their numbers, which are whole numbers in float32."""
    rows = graph.node("Cast", [x], to=7)
    found = graph.node("Gather", [layer.weight(graph, 0), rows], axis=0)
    return graph.node("Add", [found, layer.weight(graph, 1)]) if len(layer.blobs) > 1 else found


def dummy_data(graph: Graph, layer: Layer) -> list[str]:
    """Constants, where its fillers are such."""
    fillers = list(layer.param.dummy_data_param.data_filler)
    if any(filler.type != "constant" for filler in fillers):
        raise Refused("its data are drawn")
    values = [filler.value for filler in fillers] or [0.0]
    if len(values) == 1:
        values *= len(layer.tops)
    return [
        graph.constant(np.full(shape, value, np.float32), layer.name)
        for shape, value in zip(layer.tops, values)
    ]


def parameter(graph: Graph, layer: Layer) -> str:
    return layer.weight(graph, 0)
