"""Patches put together, deformed convolution, and pooling undone."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, rank, required, static
from interop.source.values import Refusal


def col2im(op: Builder, node: Operator) -> ir.Value:
    """x [N, C × block, positions] to an image [N, C, …]: a transposed convolution by a unit kernel."""
    x = node[0]
    image = [int(size) for size in required(node[1], "the image's shape")]
    block = [int(size) for size in required(node[2], "the block's shape")]
    count = len(image)
    dilations = node.attribute("dilations") or [1] * count
    strides = node.attribute("strides") or [1] * count
    pads = node.attribute("pads") or [0] * (2 * count)
    free = [
        size + pads[axis] + pads[axis + count] - dilations[axis] * (block[axis] - 1) - 1
        for axis, size in enumerate(image)
    ]
    positions = [space // stride + 1 for space, stride in zip(free, strides, strict=True)]
    rest = [space % stride for space, stride in zip(free, strides, strict=True)]
    taps = int(np.prod(block))
    kernel = np.eye(taps, dtype=np.float32).reshape(taps, 1, *block)
    columns = op.reshape(x, -1, taps, *positions)  # [N × C, block, positions …]
    placed = op.ConvTranspose(
        columns, op.CastLike(op.constant(kernel), x),
        strides=strides, dilations=dilations, pads=pads, output_padding=rest,
    )  # fmt: skip
    return op.reshape(placed, op.size(x, 0), -1, *image)


def deform_conv(op: Builder, node: Operator) -> ir.Value:
    """x [N, C, H, W], w, offset [N, groups × taps × 2, h, w], bias, mask [N, groups × taps, h, w]."""
    x, w, offset, bias, mask = node[0], node[1], node[2], node.get(3), node.get(4)
    if rank(x) != 4:
        raise Refusal("only two spatial dimensions are covered")
    kernel = [static(w, axis, "kernel") for axis in (2, 3)]
    taps = kernel[0] * kernel[1]
    groups = node.attribute("group", 1)
    sets = node.attribute("offset_group", 1)
    channels = static(w, 1, "channels") * groups
    filters = static(w, 0, "filters")
    strides = node.attribute("strides") or [1, 1]
    dilations = node.attribute("dilations") or [1, 1]
    pads = node.attribute("pads") or [0, 0, 0, 0]
    out = [op.size(offset, 2), op.size(offset, 3)]
    moved = op.reshape(offset, -1, taps, 2, *out)  # [N × sets, taps, 2, h, w]
    places = []
    for axis in (0, 1):
        start = op.Sub(op.Mul(op.range(out[axis]), strides[axis]), pads[axis])
        start = op.reshape(start, *((1, 1, -1, 1) if axis == 0 else (1, 1, 1, -1)))
        tap = np.indices(kernel)[axis].reshape(1, taps, 1, 1) * dilations[axis]
        at = op.CastLike(op.Add(start, op.constant(tap, np.int64)), offset)
        places.append(op.Add(at, op.Squeeze(op.slice(moved, 2, axis, axis + 1), [2])))
    sampled = _bilinear(op, x, places, sets, channels)  # [N × sets, taps × h × w, channels]
    if mask is not None:
        flat = op.reshape(mask, -1, op.Mul(op.Mul(out[0], out[1]), taps), 1)
        sampled = op.Mul(sampled, flat)
    area = op.Mul(out[0], out[1])
    by_set = op.reshape(sampled, -1, taps, area, channels // sets)
    turned = op.Transpose(by_set, perm=[0, 3, 1, 2])  # [N × sets, channels / sets, taps, area]
    columns = op.reshape(turned, -1, groups, channels // groups * taps, area)
    filled = op.reshape(w, 1, groups, filters // groups, channels // groups * taps)
    result = op.reshape(op.MatMul(filled, columns), -1, filters, *out)
    if bias is None:
        return result
    return op.Add(result, op.reshape(bias, 1, -1, 1, 1))  # type: ignore[no-any-return]


def _bilinear(op: Builder, x: ir.Value, places: list[Any], sets: int, channels: int) -> ir.Value:
    height, width = op.size(x, 2), op.size(x, 3)
    images = op.reshape(x, -1, channels // sets, op.Mul(height, width))
    images = op.Transpose(images, perm=[0, 2, 1])  # [N × sets, H × W, channels]
    lows = [op.Floor(at) for at in places]
    total = None
    for down in (0, 1):
        for right in (0, 1):
            weight, index = None, None
            for axis, step, length in ((0, down, height), (1, right, width)):
                pixel = op.Add(lows[axis], float(step))
                near = op.Sub(1.0, op.Abs(op.Sub(places[axis], pixel)))
                last = op.CastLike(op.Sub(length, 1), pixel)
                clipped = op.Min(op.Max(pixel, 0.0), last)
                near = op.Mul(near, op.CastLike(op.Equal(clipped, pixel), pixel))
                whole = op.cast(clipped, np.int64)
                weight = near if weight is None else op.Mul(weight, near)
                index = whole if index is None else op.Add(op.Mul(index, width), whole)
            where = op.Unsqueeze(op.Flatten(index, axis=1), [2])
            value = op.GatherND(images, where, batch_dims=1)
            value = op.Mul(value, op.CastLike(op.Unsqueeze(op.Flatten(weight, axis=1), [2]), x))
            total = value if total is None else op.Add(total, value)
    assert total is not None
    return total  # type: ignore[no-any-return]


def max_unpool(op: Builder, node: Operator) -> ir.Value:
    """Each value of x [N, C, …] at the place in the flattened result that its index names."""
    x, indices, shape = node[0], node[1], node.get(2)
    count = rank(x) - 2
    kernel = node.attribute("kernel_shape")
    strides = node.attribute("strides") or [1] * count
    pads = node.attribute("pads") or [0] * (2 * count)
    sizes: list[ir.Value] = [op.size(x, 0), op.size(x, 1)]
    for axis in range(count):
        grown = op.Mul(op.Sub(op.size(x, axis + 2), 1), strides[axis])
        sizes.append(op.Add(grown, kernel[axis] - pads[axis] - pads[axis + count]))
    whole = op.vector(*sizes)
    zeros = op.Expand(op.CastLike(op.constant(0.0, np.float32), x), op.ReduceProd(whole))
    flat = op.ScatterElements(zeros, op.reshape(indices, -1), op.reshape(x, -1), axis=0)
    result = op.Reshape(flat, whole)
    if shape is None:
        return result  # type: ignore[no-any-return]
    after = op.Sub(shape, whole)
    return op.Pad(result, op.Concat(op.Mul(after, 0), after, axis=0))  # type: ignore[no-any-return]
