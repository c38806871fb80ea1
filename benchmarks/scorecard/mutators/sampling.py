"""Faults of resizing: where a pixel is taken to lie, and how its neighbour is chosen."""

from __future__ import annotations

from onnx import NodeProto

from scorecard.edit import Graph
from scorecard.mutators.mutator import Mutator, always

_ASIDE = ("align_corners", "asymmetric")


def _coordinates(graph: Graph, node: NodeProto) -> str:
    return str(graph.attribute(node, "coordinate_transformation_mode", "half_pixel"))


def align_corners(graph: Graph, node: NodeProto) -> None:
    old = _coordinates(graph, node)
    new = "half_pixel" if old == "align_corners" else "align_corners"
    graph.set(node, coordinate_transformation_mode=new)


def half_pixel(graph: Graph, node: NodeProto) -> None:
    new = "half_pixel" if _coordinates(graph, node) in _ASIDE else "asymmetric"
    graph.set(node, coordinate_transformation_mode=new)


def nearest(graph: Graph, node: NodeProto) -> bool:
    return bool(graph.attribute(node, "mode", "nearest") == "nearest")


def other_rounding(graph: Graph, node: NodeProto) -> None:
    old = graph.attribute(node, "nearest_mode", "round_prefer_floor")
    graph.set(node, nearest_mode="floor" if old == "ceil" else "ceil")


def cubic(graph: Graph, node: NodeProto) -> bool:
    return bool(graph.attribute(node, "mode", "nearest") == "cubic")


def other_cubic(graph: Graph, node: NodeProto) -> None:
    old = graph.attribute(node, "cubic_coeff_a", -0.75)
    graph.set(node, cubic_coeff_a=-0.5 if old < -0.6 else -0.75)


def linear(graph: Graph, node: NodeProto) -> bool:
    return bool(graph.attribute(node, "mode", "nearest") == "linear")


def to_nearest(graph: Graph, node: NodeProto) -> None:
    graph.set(node, mode="nearest")


RESIZE = ("Resize",)

TABLE = (
    Mutator("align_corners", "set or not", "microsoft/onnxruntime#17564", RESIZE, always, align_corners),
    Mutator("half_pixel", "pixels at their corners or at their centres", "NVIDIA/TensorRT#273", RESIZE, always, half_pixel),
    Mutator("nearest rounding mode", "up for down", "sonos/tract#2554", RESIZE, nearest, other_rounding),
    Mutator("cubic coefficient", "that of another framework", "pytorch/pytorch#177138", RESIZE, cubic, other_cubic),
    Mutator("nearest for linear", "the mode is lost", "", RESIZE, linear, to_nearest),
)  # fmt: skip
