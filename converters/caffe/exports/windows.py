"""Convolutions and pools, which count windows and padding in Caffe's own ways."""

from typing import Any

import numpy as np
from interop.converters.caffe.exports.common import Layer, Refused, as_top, integers

from interop.workers.onnx_file import Graph


def _along(given: Any, word: str, name: str, rank: int, default: int) -> list[int]:
    """A geometry's numbers, one a spatial axis: `word`_h and _w, or `name`, where one is for all."""
    if given.HasField(word + "_h") or given.HasField(word + "_w"):
        return [getattr(given, word + "_h"), getattr(given, word + "_w")]
    value = getattr(given, name)
    values = [value] if isinstance(value, int) else list(value)
    values = values or [default]
    return values * rank if len(values) == 1 else values


def _geometry(layer: Layer) -> dict[str, Any]:
    """A convolution's attributes in ONNX."""
    given, rank = layer.param.convolution_param, len(layer.bottoms[0]) - 2
    if given.axis not in (1, 1 - len(layer.bottoms[0])):
        raise Refused("its channels are not along axis 1")
    pads = _along(given, "pad", "pad", rank, 0)
    holes = list(given.dilation) or [1]
    return {
        "kernel_shape": _along(given, "kernel", "kernel_size", rank, 0),
        "strides": _along(given, "stride", "stride", rank, 1),
        "pads": [*pads, *pads],
        "dilations": holes * rank if len(holes) == 1 else holes,
        "group": given.group,
    }


def _convolution(operator: str) -> Any:
    def convert(graph: Graph, layer: Layer, *bottoms: str) -> list[str]:
        """Each bottom by itself, with the same weights."""
        weights = [layer.weight(graph, index) for index in range(len(layer.blobs))]
        options = _geometry(layer)
        return [graph.node(operator, [x, *weights], **options) for x in bottoms]

    return convert


#: Both frameworks keep weights as [out, in / groups, …], and transposed ones as [in, out / groups, …].
convolution = _convolution("Conv")
deconvolution = _convolution("ConvTranspose")


def im2col(graph: Graph, layer: Layer, x: str) -> str:
    """Every window's entries as channels: a convolution whose weights pick one entry each."""
    options = _geometry(layer)
    count = layer.bottoms[0][1] * int(np.prod(options["kernel_shape"]))
    options["group"] = 1
    weights = np.eye(count, dtype=np.float32).reshape(
        count, layer.bottoms[0][1], *options["kernel_shape"]
    )
    return graph.node("Conv", [x, graph.constant(weights, layer.name + ".picks")], **options)


def pooling(graph: Graph, layer: Layer, x: str) -> str:
    given = layer.param.pooling_param
    if len(layer.tops) > 1:
        raise Refused("the mask of its second top")
    if given.pool == given.STOCHASTIC:
        raise Refused("stochastic pooling, which Caffe has on GPUs only")
    highest = given.pool == given.MAX
    if given.global_pooling:
        return graph.node("GlobalMaxPool" if highest else "GlobalAveragePool", [x])
    return pooled(
        graph, x, layer.bottoms[0][2:], highest, _along(given, "kernel", "kernel_size", 2, 0),
        _along(given, "stride", "stride", 2, 1), _along(given, "pad", "pad", 2, 0),
        floor=given.round_mode == given.FLOOR,
    )  # fmt: skip


def pooled(
    graph: Graph, x: str, sizes: Any, highest: bool, kernel: list[int], strides: list[int],
    pads: list[int], floor: bool = False,
) -> str:  # fmt: skip
    """A pool as Caffe counts: windows begin wherever some of their data can be, the last may hang
    over the end; an average divides by the padding, too, but not by what hangs over it."""
    over = [
        _overhang(size, window, step, pad, floor)
        for size, window, step, pad in zip(sizes, kernel, strides, pads)
    ]
    options: dict[str, Any] = {"kernel_shape": kernel, "strides": strides}
    if highest:
        ends = [pad + more for pad, more in zip(pads, over)]
        return graph.node("MaxPool", [x], pads=[*pads, *ends], **options)
    if not any(over):
        return graph.node(
            "AveragePool", [x], pads=[*pads, *pads], count_include_pad=int(any(pads)), **options
        )
    if any(pads):
        around = [0, 0, *pads]
        x = graph.node("Pad", [x, integers(graph, [*around, *around])])
    return graph.node("AveragePool", [x], pads=[0, 0, *over], count_include_pad=0, **options)


def _overhang(size: int, window: int, step: int, pad: int, floor: bool) -> int:
    """By how much the last window reaches over the padding behind the data."""
    span = size + 2 * pad - window
    last = span // step if floor else -(-span // step)
    if pad and last * step >= size + pad:
        last -= 1
    if last * step - pad >= size:
        raise Refused("its last windows hold no data at all: their stride is over their size")
    return max(0, last * step - span)


def spp(graph: Graph, layer: Layer, x: str) -> str:
    """Pools into 1, 2, 4, … bins along each axis, one behind the other."""
    given, sizes = layer.param.spp_param, layer.bottoms[0][2:]
    if given.pool == given.STOCHASTIC:
        raise Refused("stochastic pooling, which Caffe has on GPUs only")
    levels = []
    for level in range(given.pyramid_height):
        bins = 2**level
        kernel = [-(-size // bins) for size in sizes]
        pads = [(window * bins - size + 1) // 2 for window, size in zip(kernel, sizes)]
        one = pooled(graph, x, sizes, given.pool == given.MAX, kernel, kernel, pads)
        levels.append(graph.node("Flatten", [one], axis=1))
    joined = levels[0] if len(levels) == 1 else graph.node("Concat", levels, axis=1)
    return as_top(graph, layer, joined)
