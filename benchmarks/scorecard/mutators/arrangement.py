"""Faults of where things stand: layouts, orders, residuals, slices."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from scorecard.edit import Graph
from scorecard.mutators.mutator import Mutator


def known(graph: Graph, name: str) -> list[int] | None:
    """The sizes behind the first axis where all are known."""
    shape = graph.shape(name)
    if not shape or not all(isinstance(dim, int) for dim in shape[1:]):
        return None
    return [int(dim) for dim in shape[1:]]  # type: ignore[arg-type]


def residual(graph: Graph, node: NodeProto) -> bool:
    shapes = [graph.input_shape(node, i) for i in (0, 1)]
    return (
        graph.computed(node, 0) and graph.computed(node, 1) and graph.floats(node)
        and node.input[0] != node.input[1] and shapes[0] == shapes[1] and len(shapes[0]) > 1
    )  # fmt: skip


def wrong_residual(graph: Graph, node: NodeProto) -> None:
    node.input[1] = node.input[0]


def drop_residual(graph: Graph, node: NodeProto) -> None:
    graph.bypass(node)


def flattens(graph: Graph, node: NodeProto) -> bool:
    """From [n, c, h, w] to [n, c * h * w]."""
    sizes = known(graph, node.input[0])
    out = graph.output_shape(node)
    return bool(sizes) and len(sizes or ()) == 3 and len(out) == 2 and sizes[1] * sizes[2] > 1  # type: ignore[index]


def flatten_channels_last(graph: Graph, node: NodeProto) -> None:
    graph.before(node, 0, "Transpose", perm=[0, 2, 3, 1])


def reads_image(graph: Graph, node: NodeProto) -> bool:
    """It reads an input of the model that is an image, in ONNX's layout."""
    sizes = known(graph, node.input[0]) if node.input else None
    return node.input[:1] != [] and node.input[0] in graph.inputs and len(sizes or ()) == 3


def reads_colour(graph: Graph, node: NodeProto) -> bool:
    return reads_image(graph, node) and known(graph, node.input[0])[0] == 3  # type: ignore[index]


def several_channels_in(graph: Graph, node: NodeProto) -> bool:
    return reads_image(graph, node) and known(graph, node.input[0])[0] > 1  # type: ignore[index]


def read_as_channels_last(graph: Graph, node: NodeProto) -> None:
    sizes = known(graph, node.input[0])
    assert sizes is not None
    channels, height, width = sizes
    graph.before(node, 0, "Reshape", graph.constant([0, height, width, channels], np.int64))
    graph.before(node, 0, "Transpose", perm=[0, 3, 1, 2])


def square_image(graph: Graph, node: NodeProto) -> bool:
    sizes = known(graph, node.input[0]) if reads_image(graph, node) else None
    return bool(sizes) and sizes[1] == sizes[2] > 1  # type: ignore[index]


def exchange_height_and_width(graph: Graph, node: NodeProto) -> None:
    graph.before(node, 0, "Transpose", perm=[0, 1, 3, 2])


def exchange_red_and_blue(graph: Graph, node: NodeProto) -> None:
    graph.before(node, 0, "Gather", graph.constant([2, 1, 0], np.int64), axis=1)


def normalise_again(graph: Graph, node: NodeProto) -> None:
    """By the usual mean and deviation of photographs, which the model expects from outside."""
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(1, 3, 1, 1)
    deviation = np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1)
    graph.before(node, 0, "Sub", graph.constant(mean))
    graph.before(node, 0, "Div", graph.constant(deviation))


def moves(graph: Graph, node: NodeProto) -> bool:
    """A Transpose that moves more than axes of length one."""
    perm = graph.attribute(node, "perm")
    if perm is None:
        return False
    shape = graph.input_shape(node)
    long = [axis for axis in perm if not shape or shape[axis] != 1]
    return long != sorted(long)


def reshape_for_transpose(graph: Graph, node: NodeProto) -> None:
    shape = graph.insert(node, "Shape", [node.input[0]])
    order = graph.constant(graph.attribute(node, "perm"), np.int64)
    target = graph.insert(node, "Gather", [shape, order], axis=0)
    graph.become(node, "Reshape", [node.input[0], target])


def not_its_own_inverse(graph: Graph, node: NodeProto) -> bool:
    perm = graph.attribute(node, "perm")
    return perm is not None and list(np.argsort(perm)) != list(perm)


def inverse_transpose(graph: Graph, node: NodeProto) -> None:
    graph.set(node, perm=[int(axis) for axis in np.argsort(graph.attribute(node, "perm"))])


def equal_parts(graph: Graph, node: NodeProto) -> bool:
    shapes = [graph.shape(name) for name in node.input]
    return (
        len(node.input) > 1 and graph.floats(node) and node.input[0] != node.input[1]
        and shapes[0] is not None and shapes[0] == shapes[1]
    )  # fmt: skip


def exchange_parts(graph: Graph, node: NodeProto) -> None:
    node.input[0], node.input[1] = node.input[1], node.input[0]


def equal_pieces(graph: Graph, node: NodeProto) -> bool:
    return len(node.output) > 1 and graph.output_shape(node, 0) == graph.output_shape(node, 1)


def exchange_pieces(graph: Graph, node: NodeProto) -> None:
    node.output[0], node.output[1] = node.output[1], node.output[0]


def pads_differ(graph: Graph, node: NodeProto) -> bool:
    pads = graph.value(node, 1)
    return pads is not None and list(pads[: len(pads) // 2]) != list(pads[len(pads) // 2 :])


def pad_ends_exchanged(graph: Graph, node: NodeProto) -> None:
    pads = graph.value(node, 1)
    assert pads is not None
    graph.put(node, 1, np.roll(pads, len(pads) // 2))


def mirrored(graph: Graph, node: NodeProto) -> bool:
    return graph.attribute(node, "mode", "constant") != "constant"


def pad_with_zeros(graph: Graph, node: NodeProto) -> None:
    graph.set(node, mode="constant")


def depth_order(graph: Graph, node: NodeProto) -> None:
    graph.set(node, mode="CRD" if graph.attribute(node, "mode", "DCR") == "DCR" else "DCR")


def starts_inside(graph: Graph, node: NodeProto) -> bool:
    starts = graph.value(node, 1)
    return graph.floats(node) and starts is not None and bool(np.any(starts > 0))


def start_one_early(graph: Graph, node: NodeProto) -> None:
    """Both ends, so that the size stays."""
    for position in (1, 2):
        value = graph.value(node, position)
        assert value is not None
        graph.put(node, position, np.where((value > 0) & (value < 2**31 - 1), value - 1, value))


TABLE = (
    Mutator("wrong residual", "a sum takes the same branch twice", "", ("Add",), residual, wrong_residual),
    Mutator("residual dropped", "a branch of a sum is lost", "", ("Add",), residual, drop_residual),
    Mutator(
        "flatten order", "channels last when an image becomes a vector",
        "keras-team/keras#9696", ("Flatten", "Reshape"), flattens, flatten_channels_last,
    ),
    Mutator(
        "NCHW read as NHWC", "the bytes of one layout are taken for the other",
        "PINTO0309/tflite2tensorflow#26", (), several_channels_in, read_as_channels_last,
    ),
    Mutator(
        "height and width exchanged", "nothing but the values shows it where they are equal",
        "", (), square_image, exchange_height_and_width,
    ),
    Mutator("RGB for BGR", "the order of colours", "NVIDIA/TensorRT#657", (), reads_colour, exchange_red_and_blue),
    Mutator(
        "mean and deviation", "an image is normalised twice",
        "heuritech/convnets-keras#28", (), reads_colour, normalise_again,
    ),
    Mutator(
        "reshape for transpose", "the right shape, the wrong order",
        "openvinotoolkit/openvino#37181", ("Transpose",), moves, reshape_for_transpose,
    ),
    Mutator("inverse transpose", "a permutation read the other way", "", ("Transpose",), not_its_own_inverse, inverse_transpose),
    Mutator("concatenated in another order", "parts of equal shape are exchanged", "", ("Concat",), equal_parts, exchange_parts),
    Mutator("split in another order", "pieces of equal shape are exchanged", "", ("Split",), equal_pieces, exchange_pieces),
    Mutator(
        "pad at the other end", "begin and end in another order",
        "qualcomm/aimet#2873", ("Pad",), pads_differ, pad_ends_exchanged,
    ),
    Mutator("zeros for a mirror", "the mode of a Pad is lost", "", ("Pad",), mirrored, pad_with_zeros),
    Mutator("depth to space", "columns first, or depth first", "PINTO0309/onnx2tf#91", ("DepthToSpace",), lambda g, n: True, depth_order),
    Mutator("slice off by one", "one early at both ends", "", ("Slice",), starts_inside, start_one_early),
)  # fmt: skip
