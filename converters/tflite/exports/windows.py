"""Convolutions, pools and resizing, whose windows move over images; written channels-first.

Weights lie as [O, spatial…, I], and for depthwise ones as [1, spatial…, I × multiplier].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from interop.converters.tflite.exports.dynamic import requantized_input
from interop.converters.tflite.operator import ELEMENT, Op, Refused, dequantized

_SAME = 0


def _geometry(op: Op, names: Sequence[str], kernel: Sequence[int]) -> dict[str, Any]:
    """Strides, dilations and padding as ONNX has them. names: of the spatial axes in options."""
    strides = [int(op.option(f"stride{name}")) for name in names]
    holes = [int(op.option(f"dilation{name}Factor")) or 1 for name in names]
    found: dict[str, Any] = {"strides": strides, "dilations": holes, "kernel_shape": list(kernel)}
    if op.option("padding") != _SAME:
        return found
    sizes = op.tensor(0).shape[1:-1]
    if min(sizes) < 0:
        return {**found, "auto_pad": "SAME_UPPER"}
    pads = [_same_pads(*one) for one in zip(sizes, kernel, strides, holes, strict=True)]
    return {**found, "pads": [pad[0] for pad in pads] + [pad[1] for pad in pads]}


def _same_pads(size: int, kernel: int, stride: int, holes: int) -> tuple[int, int]:
    """So many that a stride of 1 would keep the size; the odd one behind."""
    reach = (kernel - 1) * holes + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def _weights(op: Op, index: int, order: Sequence[int], channels: int) -> str:
    """The real weights with their axes in that order; `channels` is the place of the output's."""
    tensor = op.tensor(index)
    if not op.known(index):
        stored = op.scope.as_real(op.inputs[index])
        name: str = op.emit("Transpose", [stored], perm=list(order))
        return name
    array = op.array(index).transpose(order)
    name = op.graph.constant(array, tensor.name or "weights")
    if not tensor.quantized:
        return name
    axis = (
        list(order).index(tensor.axis)
        if tensor.scales is not None and len(tensor.scales) > 1
        else 0
    )
    return dequantized(op.graph, name, tensor, axis)


def bias(op: Op, index: int) -> list[str]:
    """The bias as a real vector, where there is one."""
    if not op.has(index):
        return []
    if op.tensor(index).dtype == "int64":  # beside 16-bit activations; ONNX has no scales for it
        from interop.converters.tflite.exports.forms import real_array

        return [op.constant(real_array(op.tensor(index), op.array(index)))]
    return [op.scope.as_real(op.inputs[index])]


def convolution(op: Op, x: str) -> str:
    rank = op.rank(1)
    names = ("H", "W") if rank == 4 else ("D", "H", "W")
    x = requantized_input(op, x, list(range(1, rank)))
    if rank == 5:  # [D, H, W, I, O]
        kernel, order, inner = op.tensor(1).shape[:3], [4, 3, 0, 1, 2], op.tensor(1).shape[3]
    else:
        kernel, order, inner = op.tensor(1).shape[1:-1], [0, 3, 1, 2], op.tensor(1).shape[-1]
    groups = op.tensor(0).shape[-1] // inner
    operands = [x, _weights(op, 1, order, 0), *bias(op, 2)]
    found = op.emit("Conv", operands, group=groups, **_geometry(op, names, kernel))
    return op.activated(found)


def depthwise_convolution(op: Op, x: str) -> str:
    x = requantized_input(op, x, [1, 2, 3])
    _, high, wide, made = op.tensor(1).shape
    channels = op.tensor(0).shape[-1]
    if made % channels:
        raise Refused(f"{made} filters for {channels} channels")
    # [1, H, W, O] → [O, 1, H, W]
    operands = [x, _weights(op, 1, [3, 0, 1, 2], 0), *bias(op, 2)]
    found = op.emit("Conv", operands, group=channels, **_geometry(op, ("H", "W"), (high, wide)))
    return op.activated(found)


def transposed_convolution(op: Op, x: str) -> str:
    """Operands: the result's shape, the weights [O, H, W, I], the data, perhaps a bias."""
    kernel = list(op.tensor(1).shape[1:3])
    strides = [int(op.option("strideH")), int(op.option("strideW"))]
    given, made = op.tensor(2).shape[1:3], op.result().shape[1:3]
    if op.known(0):
        made = tuple(int(size) for size in op.array(0)[1:3])
    before, after, extra = [], [], []
    for size, result, width, stride in zip(given, made, kernel, strides, strict=True):
        whole = width - stride if min(size, result) < 0 else (size - 1) * stride + width - result
        if min(size, result) < 0 and op.option("padding") != _SAME:
            whole = 0
        cut = max(whole, 0)
        before.append(cut // 2)
        after.append(cut - cut // 2)
        extra.append(max(-whole, 0))
    operands = [x, _weights(op, 1, [3, 0, 1, 2], 1), *bias(op, 3)]
    found = op.emit(
        "ConvTranspose", operands, strides=strides, kernel_shape=kernel, pads=before + after,
        **({"output_padding": extra} if any(extra) else {}),
    )  # fmt: skip
    return op.activated(found)


def _pool(op: Op) -> dict[str, Any]:
    kernel = [int(op.option("filterHeight")), int(op.option("filterWidth"))]
    found = _geometry(op, ("H", "W"), kernel)
    del found["dilations"]
    return found


def max_pool(op: Op, x: str) -> str:
    return op.activated(op.emit("MaxPool", [x], **_pool(op)))


def average_pool(op: Op, x: str) -> str:
    """Of what is there: padding does not count. Integers are averaged as they are stored, where halves
    are common, and rounded away from 0."""
    tensor = op.tensor(0)
    if not tensor.quantized:
        return op.activated(op.emit("AveragePool", [x], count_include_pad=0, **_pool(op)))
    stored = op.emit("Cast", [op.stored(0)], to=ELEMENT["float32"])
    mean = op.emit("AveragePool", [stored], count_include_pad=0, **_pool(op))
    half = op.emit("Add", [op.emit("Abs", [mean]), op.constant(np.float32(0.5))])
    whole = op.emit("Mul", [op.emit("Sign", [mean]), op.emit("Floor", [half])])
    assert tensor.scales is not None
    assert tensor.zeros is not None
    shifted = op.emit("Sub", [whole, op.constant(np.float32(tensor.zeros[0]))])
    return op.activated(op.emit("Mul", [shifted, op.constant(tensor.scales[0])]))


def l2_pool(op: Op, x: str) -> str:
    """The root of the mean of squares."""
    squares = op.emit("Mul", [x, x])
    mean = op.emit("AveragePool", [squares], count_include_pad=0, **_pool(op))
    return op.activated(op.emit("Sqrt", [mean]))


def resize(mode: str) -> Any:
    """To the sizes (H, W) in operand 1. Bilinear, or the nearest as its kernel finds it."""

    def convert(op: Op, x: str) -> Any:
        if op.option("alignCorners"):
            options = {"coordinate_transformation_mode": "align_corners"}
        elif op.option("halfPixelCenters"):
            options = {"coordinate_transformation_mode": "half_pixel"}
        else:
            options = {"coordinate_transformation_mode": "asymmetric"}
        if mode == "nearest":
            plain = options["coordinate_transformation_mode"] == "asymmetric"
            options["nearest_mode"] = "floor" if plain else "round_prefer_ceil"
        kept = op.emit("Shape", [x], start=0, end=2)
        sizes = op.emit("Concat", [kept, op.wide(1)], axis=0)
        return op.emit("Resize", [x, "", "", sizes], mode=mode, **options)

    return convert


def depth_to_space(op: Op, x: str) -> Any:
    return op.emit("DepthToSpace", [x], blocksize=int(op.option("blockSize")), mode="DCR")


def space_to_depth(op: Op, x: str) -> Any:
    return op.emit("SpaceToDepth", [x], blocksize=int(op.option("blockSize")))


def local_response_normalization(op: Op, x: str) -> Any:
    """x / (bias + alpha * the sum of squares over 2 * radius + 1 channels) ** beta."""
    size = 2 * int(op.option("radius")) + 1
    alpha, beta, base = (float(op.option(name)) for name in ("alpha", "beta", "bias"))
    return op.emit("LRN", [x], size=size, alpha=alpha * size, beta=beta, bias=base)
