"""Faults of convolutions and pools: padding, strides, dilations, groups, kernels."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from scorecard.edit import Graph
from scorecard.mutators.mutator import Mutator

CONVOLUTIONS = ("Conv", "ConvTranspose")
POOLS = ("MaxPool", "AveragePool")


def _pads(graph: Graph, node: NodeProto) -> tuple[list[int], list[int]]:
    """At the beginning and at the end, an entry an axis; ([], []) where all are left to default."""
    pads = list(graph.attribute(node, "pads", []))
    half = len(pads) // 2
    return pads[:half], pads[half:]


def asymmetric(graph: Graph, node: NodeProto) -> bool:
    begin, end = _pads(graph, node)
    return begin != end


def exchange_ends(graph: Graph, node: NodeProto) -> None:
    begin, end = _pads(graph, node)
    graph.set(node, pads=[*end, *begin])


def evenly_padded(graph: Graph, node: NodeProto) -> bool:
    begin, end = _pads(graph, node)
    return any(a == b > 0 for a, b in zip(begin, end, strict=True))


def pad_more_at_the_end(graph: Graph, node: NodeProto) -> None:
    begin, end = _pads(graph, node)
    moved = [(a - 1, b + 1) if a == b > 0 else (a, b) for a, b in zip(begin, end, strict=True)]
    graph.set(node, pads=[*(a for a, _ in moved), *(b for _, b in moved)])


def axes_differ(graph: Graph, node: NodeProto) -> bool:
    begin, end = _pads(graph, node)
    return begin != begin[::-1] or end != end[::-1]


def exchange_pad_axes(graph: Graph, node: NodeProto) -> None:
    begin, end = _pads(graph, node)
    graph.set(node, pads=[*begin[::-1], *end[::-1]])


def padded(graph: Graph, node: NodeProto) -> bool:
    return any(graph.attribute(node, "pads", []))


def forget_pads(graph: Graph, node: NodeProto) -> None:
    graph.set(node, pads=[0] * len(graph.attribute(node, "pads")))


def toggle_include_pad(graph: Graph, node: NodeProto) -> None:
    graph.set(node, count_include_pad=1 - graph.attribute(node, "count_include_pad", 0))


def toggle_ceil(graph: Graph, node: NodeProto) -> None:
    graph.set(node, ceil_mode=1 - graph.attribute(node, "ceil_mode", 0))


def strided(graph: Graph, node: NodeProto) -> bool:
    strides = graph.attribute(node, "strides", [])
    return len(strides) > 1 and strides[-1] > 1


def forget_last_stride(graph: Graph, node: NodeProto) -> None:
    graph.set(node, strides=[*graph.attribute(node, "strides")[:-1], 1])


def dilated(graph: Graph, node: NodeProto) -> bool:
    return any(one > 1 for one in graph.attribute(node, "dilations", []))


def forget_dilations(graph: Graph, node: NodeProto) -> None:
    """And pad for the smaller kernel, as SAME does, so that the size stays."""
    dilations = graph.attribute(node, "dilations")
    kernel = graph.attribute(node, "kernel_shape") or graph.input_shape(node, 1)[2:]
    less = [(d - 1) * (int(k) - 1) for d, k in zip(dilations, kernel, strict=True)]
    begin, end = _pads(graph, node)
    if begin:
        begin = [max(0, a - one // 2) for a, one in zip(begin, less, strict=True)]
        end = [max(0, b - (one - one // 2)) for b, one in zip(end, less, strict=True)]
        graph.set(node, pads=[*begin, *end])
    graph.set(node, dilations=[1] * len(dilations))


def groups_of_several(graph: Graph, node: NodeProto) -> bool:
    group = graph.attribute(node, "group", 1)
    _, channels, *_ = [*graph.input_shape(node), None, None]
    return group > 1 and isinstance(channels, int) and channels > group


def interleave_groups(graph: Graph, node: NodeProto) -> None:
    """Every group-th channel belongs together, instead of neighbours."""
    group, channels = graph.attribute(node, "group"), graph.input_shape(node)[1]
    assert isinstance(channels, int)
    order = np.arange(channels).reshape(-1, group).T.reshape(-1)
    graph.before(node, 0, "Gather", graph.constant(order), axis=1)


def square_kernel(graph: Graph, node: NodeProto) -> bool:
    weights = graph.weights(node, 1, rank=4)
    return weights is not None and weights.shape[2] == weights.shape[3] > 1


def transpose_kernel(graph: Graph, node: NodeProto) -> None:
    graph.put(node, 1, graph.value(node, 1).swapaxes(2, 3))  # type: ignore[union-attr]


def flip_one_filter(graph: Graph, node: NodeProto) -> None:
    weights = np.array(graph.value(node, 1))
    axis = 0 if node.op_type == "Conv" else 1
    middle = weights.shape[axis] // 2
    one = weights.take(middle, axis)
    np.moveaxis(weights, axis, 0)[middle] = np.flip(one, (-1, -2))
    graph.put(node, 1, weights)


TABLE = (
    Mutator(
        "same upper for lower", "the odd row of SAME padding goes to the other end",
        "microsoft/onnxruntime#12537", CONVOLUTIONS + POOLS, asymmetric, exchange_ends,
    ),
    Mutator(
        "asymmetric padding", "padding of one at either side becomes two at the end",
        "onnx/tensorflow-onnx#1028", CONVOLUTIONS + POOLS, evenly_padded, pad_more_at_the_end,
    ),
    Mutator(
        "padding of height and width exchanged", "pads are read in another order of axes",
        "robertknight/rten#1399", CONVOLUTIONS + POOLS, axes_differ, exchange_pad_axes,
    ),
    Mutator(
        "padding forgotten", "auto_pad is not honoured",
        "pytorch/pytorch#27602", CONVOLUTIONS + POOLS, padded, forget_pads,
    ),
    Mutator(
        "include_pad", "an average counts the padding, or does not",
        "microsoft/MMdnn#909", ("AveragePool",), padded, toggle_include_pad,
    ),
    Mutator(
        "ceil mode", "the last window is dropped, or added",
        "pytorch/pytorch#71549", POOLS, strided, toggle_ceil,
    ),
    Mutator(
        "stride of one axis", "a stride is taken for the first axis alone",
        "kraiskil/onnx2c#41", CONVOLUTIONS + POOLS, strided, forget_last_stride,
    ),
    Mutator(
        "dilations", "dilations are not handed on",
        "tensorflow/tfjs#1587", ("Conv", "MaxPool"), dilated, forget_dilations,
    ),
    Mutator(
        "groups", "the channels of a group are taken from all over",
        "apache/tvm#10223", CONVOLUTIONS, groups_of_several, interleave_groups,
    ),
    Mutator(
        "kernel transposed", "a kernel's height and width are exchanged",
        "tensorflow/tensorflow#30044", CONVOLUTIONS, square_kernel, transpose_kernel,
    ),
    Mutator(
        "one flipped filter", "convolution for correlation, in one filter",
        "keras-team/keras#3015", CONVOLUTIONS, square_kernel, flip_one_filter,
    ),
)  # fmt: skip
