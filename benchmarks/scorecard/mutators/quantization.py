"""Faults of quantization: zero points, axes, scales."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from scorecard.edit import Graph
from scorecard.mutators.mutator import Mutator

BOTH = ("DequantizeLinear", "QuantizeLinear")


def zero_point(graph: Graph, node: NodeProto) -> bool:
    return graph.value(node, 2) is not None


def next_zero_point(graph: Graph, node: NodeProto) -> None:
    old = graph.value(node, 2)
    assert old is not None
    top = np.iinfo(old.dtype).max
    graph.put(node, 2, np.where(old < top, old + 1, old - 1).astype(old.dtype))


def by_channel(graph: Graph, node: NodeProto) -> bool:
    scales = graph.value(node, 1)
    return scales is not None and scales.ndim == 1 and len(np.unique(scales)) > 1


def other_axis_fits(graph: Graph, node: NodeProto) -> bool:
    shape = graph.input_shape(node)
    if not by_channel(graph, node):
        return False
    axis = graph.attribute(node, "axis", 1) % len(shape)
    return any(i != axis and size == shape[axis] for i, size in enumerate(shape))


def other_axis(graph: Graph, node: NodeProto) -> None:
    shape = graph.input_shape(node)
    axis = graph.attribute(node, "axis", 1) % len(shape)
    found = next(i for i, size in enumerate(shape) if i != axis and size == shape[axis])
    graph.set(node, axis=found)


def first_scale(graph: Graph, node: NodeProto) -> None:
    scales = graph.value(node, 1)
    assert scales is not None
    graph.put(node, 1, np.full_like(scales, scales[0]))


def scale_given(graph: Graph, node: NodeProto) -> bool:
    return graph.weights(node, 1) is not None


def coarser_scale(graph: Graph, node: NodeProto) -> None:
    """The range is 2^n - 1 steps for one, 2^n for the other."""
    graph.put(node, 1, np.asarray(graph.value(node, 1)) * (255 / 256))


TABLE = (
    Mutator("zero point off by one", "127 for 128", "microsoft/onnxruntime#25823", BOTH, zero_point, next_zero_point),
    Mutator("per-channel axis", "scales along another axis of the same size", "openvinotoolkit/openvino#32918", BOTH, other_axis_fits, other_axis),
    Mutator("the first channel's scale", "scales are not by channel", "sonos/tract#2849", BOTH, by_channel, first_scale),
    Mutator("255 steps for 256", "the range is divided otherwise", "microsoft/onnxruntime#25823", BOTH, scale_given, coarser_scale),
)  # fmt: skip
