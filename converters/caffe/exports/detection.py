"""SSD's DetectionOutput in ONNX: without loops, and open in its batch (what it is: ../detection.py).

`images`, `classes` (without the background) and `best` (candidates of a class, best first) are axes.
"""

import json
from typing import Any

import numpy as np
from interop.converters.caffe.detection import limit
from interop.converters.caffe.exports.common import Layer, Refused, integers, number, shaped

from interop.workers.onnx_file import Graph

_FLOAT = 1
_LOWEST = float(np.finfo(np.float32).min)


def detection_output(graph: Graph, layer: Layer, offsets: str, scores: str, priors: str) -> str:
    """[1, 1, found, 7]: image, class, score, left, top, right, bottom; by image, by class, best first."""
    given = json.loads(layer.param.python_param.param_str)
    _refuse(given)
    images, boxes = layer.bottoms[0][0], layer.bottoms[2][2] // 4
    labels = [n for n in range(given["num_classes"]) if n != given["background_label_id"]]
    own = graph.node("Gather", [
        shaped(graph, scores, (images, boxes, given["num_classes"]), layer.open_bottoms[1]),
        integers(graph, labels),
    ], axis=2)  # fmt: skip
    top_k = limit(given["nms_param"]["top_k"])
    best = boxes if top_k is None else min(top_k, boxes)
    scores, order = graph.node(
        "TopK", [graph.node("Transpose", [own], perm=[0, 2, 1]), integers(graph, [best])], count=2
    )
    order = graph.node("Unsqueeze", [order, integers(graph, [-1])])
    places = graph.node(
        "GatherND",
        [_decoded(graph, layer, given, labels, offsets, priors), order],
        batch_dims=1 if given["share_location"] else 2,
    )
    axes = [-1, len(labels), best]
    kept = _suppressed(graph, given, axes, places, scores)
    kept = _best_of_image(graph, given, axes, scores, kept)
    rows = _rows(graph, labels, kept, scores, places)
    rows = graph.node("Concat", [rows, _nothing(graph, rows, scores)], axis=0)
    return graph.node("Reshape", [rows, integers(graph, [1, 1, -1, 7])])


def _refuse(given: dict[str, Any]) -> None:
    if given["nms_param"]["eta"] != 1:
        raise Refused(
            "its nms_param has an eta other than 1, a threshold that sinks with each box kept, which ONNX's"
            " NonMaxSuppression does not have; set it to 1, or leave the layer away"
        )
    if 0 in (given["nms_param"]["top_k"], given["keep_top_k"]):
        raise Refused("its top_k or keep_top_k is 0: it would keep nothing")


def _decoded(
    graph: Graph, layer: Layer, given: dict[str, Any], labels: list[int], offsets: str, priors: str
) -> str:
    """[images, boxes, 4], or [images, classes, boxes, 4] where each class has its own places."""
    boxes = layer.bottoms[2][2] // 4
    classes = 1 if given["share_location"] else given["num_classes"]
    offsets = shaped(
        graph, offsets, (layer.bottoms[0][0], boxes, classes, 4), layer.open_bottoms[0]
    )
    offsets = graph.node("Transpose", [offsets], perm=[0, 2, 1, 3])
    if given["share_location"]:
        offsets = graph.node("Squeeze", [offsets, integers(graph, [1])])
    else:
        offsets = graph.node("Gather", [offsets, integers(graph, labels)], axis=1)
    priors = graph.node("Reshape", [priors, integers(graph, [2, boxes, 4])])
    corners, variances = (
        graph.node("Gather", [priors, graph.constant(np.int64(part), "part")], axis=0)
        for part in (0, 1)
    )
    if not given["variance_encoded_in_target"]:
        offsets = graph.node("Mul", [offsets, variances])
    if given["code_type"] == "CORNER":
        return graph.node("Add", [corners, offsets])
    low, high = _halves(graph, corners)
    size = graph.node("Sub", [high, low])
    if given["code_type"] == "CORNER_SIZE":
        size = graph.node("Concat", [size, size], axis=-1)
        return graph.node("Add", [corners, graph.node("Mul", [offsets, size])])
    half = number(graph, 0.5)
    middle = graph.node("Mul", [graph.node("Add", [low, high]), half])
    moved, grown = _halves(graph, offsets)
    centre = graph.node("Add", [graph.node("Mul", [moved, size]), middle])
    reach = graph.node("Mul", [graph.node("Exp", [grown]), graph.node("Mul", [size, half])])
    ends = [graph.node(operator, [centre, reach]) for operator in ("Sub", "Add")]
    return graph.node("Concat", ends, axis=-1)


def _halves(graph: Graph, x: str) -> list[str]:
    return graph.node("Split", [x, integers(graph, [2, 2])], count=2, axis=-1)


def _suppressed(
    graph: Graph, given: dict[str, Any], axes: list[int], places: str, scores: str
) -> str:
    """Of the shape of `scores`: 1 for a box that no better one of its class covers, else 0."""
    if given["code_type"] != "CENTER_SIZE":
        # ONNX takes any two corners, and to Caffe a box whose corners are swapped is an empty one
        low, high = _halves(graph, places)
        places = graph.node("Concat", [low, graph.node("Max", [low, high])], axis=-1)
    best, settings = axes[-1], [min(1.0, given["nms_param"]["nms_threshold"])]
    if given["confidence_threshold"] is not None:
        settings.append(given["confidence_threshold"])
    picked = graph.node(
        "NonMaxSuppression",
        [
            graph.node("Reshape", [places, integers(graph, [-1, best, 4])]),
            graph.node("Reshape", [scores, integers(graph, [-1, 1, best])]),
            integers(graph, [best]),
            *(graph.constant(np.array([one], np.float32), "threshold") for one in settings),
        ],
    )
    where = graph.node("Gather", [picked, integers(graph, [0, 2])], axis=1)
    flat = graph.node("Reshape", [scores, integers(graph, [-1, best])])
    ones = graph.node("Expand", [number(graph, 1), _length(graph, picked)])
    marked = graph.node("ScatterND", [_zeros(graph, flat), where, ones])
    return graph.node("Reshape", [marked, integers(graph, axes)])


def _best_of_image(
    graph: Graph, given: dict[str, Any], axes: list[int], scores: str, kept: str
) -> str:
    """`kept`, but for what is beyond keep_top_k of all classes of an image."""
    count, candidates = limit(given["keep_top_k"]), axes[1] * axes[2]
    if count is None or count >= candidates:
        return kept
    ranked = graph.node("Where", [graph.node("Cast", [kept], to=9), scores, number(graph, _LOWEST)])
    ranked = graph.node("Reshape", [ranked, integers(graph, [-1, candidates])])
    _, best = graph.node("TopK", [ranked, integers(graph, [count])], count=2)
    ones = graph.node("Expand", [number(graph, 1), graph.node("Shape", [best])])
    among = graph.node("ScatterElements", [_zeros(graph, ranked), best, ones], axis=1)
    return graph.node("Mul", [kept, graph.node("Reshape", [among, integers(graph, axes)])])


def _rows(graph: Graph, labels: list[int], kept: str, scores: str, places: str) -> str:
    """[found, 7], of what is 1 in `kept`."""
    picks = graph.node("Transpose", [graph.node("NonZero", [kept])], perm=[1, 0])
    images, classes, _ = graph.node("Split", [picks, integers(graph, [1, 1, 1])], count=3, axis=1)
    return graph.node("Concat", [
        graph.node("Cast", [images], to=_FLOAT),
        graph.node("Gather", [graph.constant(np.array(labels, np.float32), "labels"), classes]),
        graph.node("Unsqueeze", [graph.node("GatherND", [scores, picks]), integers(graph, [1])]),
        graph.node("GatherND", [places, picks]),
    ], axis=1)  # fmt: skip


def _nothing(graph: Graph, rows: str, scores: str) -> str:
    """What stands for no row at all: -1 after the number of each image; [0, 7] where there are rows."""
    zero, one = (graph.constant(np.int64(value), "number") for value in (0, 1))
    none = integers(graph, [0])
    empty = graph.node("Equal", [_length(graph, rows), none])
    images = graph.node("Where", [empty, _length(graph, scores), none])
    numbers = graph.node("Range", [zero, graph.node("Squeeze", [images]), one])
    numbers = graph.node(
        "Reshape", [graph.node("Cast", [numbers], to=_FLOAT), integers(graph, [-1, 1])]
    )
    minus = graph.constant(np.full((1, 6), -1, np.float32), "nothing")
    shape = graph.node("Concat", [images, integers(graph, [6])], axis=0)
    return graph.node("Concat", [numbers, graph.node("Expand", [minus, shape])], axis=1)


def _length(graph: Graph, x: str) -> str:
    """[1]: the size of its first axis."""
    return graph.node("Gather", [graph.node("Shape", [x]), integers(graph, [0])], axis=0)


def _zeros(graph: Graph, like: str) -> str:
    return graph.node("Expand", [number(graph, 0), graph.node("Shape", [like])])
