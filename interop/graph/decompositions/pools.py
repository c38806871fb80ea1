"""Pools whose windows are laid out: for what a target's own pools do not take."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, dtype, rank, sizes
from interop.source.values import Refusal, Value
from interop.source.windows import window


class _Windows:
    """How the windows of a pool lie over its spatial axes, whose sizes are known."""

    def __init__(self, node: Operator) -> None:
        shape = sizes(node[0])
        self.kernel: list[int] = node.attribute("kernel_shape")
        if None in shape[2:]:
            raise Refusal("the spatial sizes are not known")
        self.sizes = [int(size) for size in shape[2:] if size is not None]
        last = Value("x", None, (None, *self.sizes, None), str)
        self.strides, self.dilations, self.around, self.ceiling = window(
            last, self.kernel, node.attribute("auto_pad", "NOTSET"), node.attribute("pads"),
            node.attribute("strides"), node.attribute("dilations"), node.attribute("ceil_mode", 0),
        )  # fmt: skip

    def places(self, axis: int) -> np.ndarray:
        """Which entry of the padded axis stands where: [windows, kernel]."""
        before, after = self.around[axis]
        reach = (self.kernel[axis] - 1) * self.dilations[axis] + 1
        count = (self.sizes[axis] + before + after - reach) // self.strides[axis] + 1
        starts = np.arange(count) * self.strides[axis]
        return starts[:, None] + np.arange(self.kernel[axis]) * self.dilations[axis]

    def pads(self) -> np.ndarray:
        before, after = zip(*self.around, strict=True)
        return np.array([0, 0, *before, 0, 0, *after])

    def counted(self, outside: bool) -> np.ndarray:
        """How many entries each window has; with `outside`, padding counts, but not ceil_mode's."""
        total = np.ones([], np.float32)
        for axis, size in enumerate(self.sizes):
            before, after = self.around[axis]
            place = self.places(axis) - before
            low, high = (-before, size + after - self.ceiling[axis]) if outside else (0, size)
            inside = ((place >= low) & (place < high)).sum(axis=1).astype(np.float32)
            total = total[..., None] * inside
        return total


def _laid_out(op: Builder, x: ir.Value, windows: _Windows, fill: Any) -> tuple[ir.Value, list[int]]:
    """[N, C, windows, kernel, windows, kernel, …] and the axes of the kernel."""
    result, pads = x, windows.pads()
    if pads.any():
        result = op.Pad(x, pads, fill)
    for axis in range(len(windows.kernel)):
        result = op.Gather(result, windows.places(axis), axis=2 + 2 * axis)
    return result, [3 + 2 * axis for axis in range(len(windows.kernel))]


def _lowest(x: ir.Value) -> Any:
    kind = dtype(x)
    if kind.is_integer():
        return int(np.iinfo(kind.numpy()).min)
    return float("-inf")


def max_pool(op: Builder, node: Operator) -> list[ir.Value]:
    x, windows = node[0], _Windows(node)
    laid, axes = _laid_out(op, x, windows, _lowest(x))
    if not node.uses(1):
        return [op.ReduceMax(laid, axes, keepdims=0)]
    shape = sizes(x)
    if None in shape:
        raise Refusal("indices into data whose sizes are not known")
    whole = [int(size) for size in shape if size is not None]
    spatial = int(np.prod(whole[2:]))
    order = "F" if node.attribute("storage_order", 0) else "C"
    each = np.arange(spatial).reshape(whole[2:], order=order)  # type: ignore[call-overload]
    base = np.arange(whole[0] * whole[1]).reshape(whole[:2] + [1] * len(whole[2:])) * spatial
    numbers = np.pad(base + each, [(0, 0), (0, 0), *windows.around])
    for axis in range(len(windows.kernel)):
        numbers = np.take(numbers, windows.places(axis), axis=2 + 2 * axis)
    count = len(windows.kernel)
    turned = [0, 1, *range(2, 2 + 2 * count, 2), *range(3, 3 + 2 * count, 2)]
    out = [numbers.shape[a] for a in turned[: 2 + count]]
    flat = op.Reshape(op.Transpose(laid, perm=turned), [*out, -1])
    best = op.ArgMax(flat, axis=-1, keepdims=1)
    listed = op.constant(numbers.transpose(turned).reshape([*out, -1]), np.int64)
    picked = op.Squeeze(op.GatherElements(listed, best, axis=-1), [-1])
    return [op.ReduceMax(flat, [-1], keepdims=0), picked]


def average_pool(op: Builder, node: Operator) -> ir.Value:
    x, windows = node[0], _Windows(node)
    laid, axes = _laid_out(op, x, windows, 0)
    count = windows.counted(bool(node.attribute("count_include_pad", 0)))
    total = op.ReduceSum(laid, axes, keepdims=0)
    return op.Div(total, op.constant(count, dtype(x).numpy()))  # type: ignore[no-any-return]


def lp_pool(op: Builder, node: Operator) -> ir.Value:
    x, p = node[0], float(node.attribute("p", 2))
    laid, axes = _laid_out(op, op.Pow(op.Abs(x), p), _Windows(node), 0)
    return op.Pow(op.ReduceSum(laid, axes, keepdims=0), 1 / p)  # type: ignore[no-any-return]


def global_lp_pool(op: Builder, node: Operator) -> ir.Value:
    x, p = node[0], float(node.attribute("p", 2))
    total = op.ReduceSum(op.Pow(op.Abs(x), p), list(range(2, rank(x))), keepdims=1)
    return op.Pow(total, 1 / p)  # type: ignore[no-any-return]


def lrn(op: Builder, node: Operator) -> ir.Value:
    """Each channel over the squares of its neighbours."""
    x, size = node[0], node.attribute("size")
    before = (size - 1) // 2
    pads = np.zeros(2 * rank(x), np.int64)
    pads[1], pads[rank(x) + 1] = before, size - 1 - before
    squares = op.Pad(op.Mul(x, x), pads)
    channels = op.size(x, 1)
    total = None
    for shift in range(size):
        start = op.constant([shift])
        part = op.Slice(squares, start, op.Add(channels, start), [1])
        total = part if total is None else op.Add(total, part)
    scale = op.Add(op.Mul(total, node.attribute("alpha", 1e-4) / size), node.attribute("bias", 1.0))
    return op.Div(x, op.Pow(scale, node.attribute("beta", 0.75)))  # type: ignore[no-any-return]
