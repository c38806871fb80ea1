"""Layers of SSD (Liu et al., 2016), which Caffe 1.0 itself does not have: its own fork does.

What each computes stands in ssd_layers.py, by which Caffe runs them here.
"""

import json

from interop.converters.caffe.exports.common import Layer, integers, number
from interop.converters.caffe.ssd_layers import prior_boxes

from interop.workers.onnx_file import Graph


def normalize(graph: Graph, layer: Layer, x: str) -> str:
    """Over the root of the sum of squares, of all channels or of the whole sample; times a weight."""
    given = json.loads(layer.param.python_param.param_str)
    rank = len(layer.bottoms[0])
    axes = integers(graph, list(range(1, rank)) if given["across_spatial"] else [1])
    total = graph.node("ReduceSum", [graph.node("Mul", [x, x]), axes], keepdims=1)
    root = graph.node("Sqrt", [graph.node("Add", [total, number(graph, given["eps"])])])
    blob = layer.blobs[0]
    factor = layer.weight(graph, 0, blob.reshape([-1] + [1] * (rank - 2)) if blob.ndim else blob)
    return graph.node("Mul", [graph.node("Div", [x, root]), factor])


def prior_box(graph: Graph, layer: Layer, _features: str, _image: str) -> str:
    """Constants: they follow from the sizes."""
    given = json.loads(layer.param.python_param.param_str)
    boxes = prior_boxes(given, layer.bottoms[0][2:], layer.bottoms[1][2:])
    return graph.constant(boxes, layer.name)
