"""Convolutions in options that some frameworks' own do not have."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, known, rank, sizes
from interop.source.values import Refusal
from interop.source.windows import explicit_pads


def conv(op: Builder, node: Operator) -> ir.Value:
    """Strides together with dilations: every place, of which some are taken."""
    x, w = node[0], node[1]
    count = rank(x) - 2
    strides, dilations = (node.attribute(name) or [1] * count for name in ("strides", "dilations"))
    if max(strides) == 1 or max(dilations) == 1:
        raise Refusal("nothing simpler is known for it")
    kernel = _kernel(w)
    pads = explicit_pads(
        node.attribute("auto_pad", "NOTSET"), node.attribute("pads"), sizes(x)[2:], kernel, strides,
        dilations,
    )  # fmt: skip
    before, after = zip(*pads, strict=True)
    whole = op.Conv(
        x, w, node.get(2), dilations=dilations, group=node.attribute("group", 1),
        pads=[*before, *after],
    )  # fmt: skip
    axes = list(range(2, 2 + count))
    return op.Slice(whole, [0] * count, [2**31] * count, axes, strides)  # type: ignore[no-any-return]


def _kernel(w: ir.Value) -> list[int]:
    shape = sizes(w)[2:]
    if None in shape:
        raise Refusal("the size of the kernel is not known")
    return [int(size) for size in shape if size is not None]


def conv_transpose(op: Builder, node: Operator) -> ir.Value:
    """A convolution by the kernel turned around, over data with zeros put between its entries."""
    x, w, groups = node[0], node[1], node.attribute("group", 1)
    count, kernel = rank(x) - 2, _kernel(w)
    strides, dilations = (node.attribute(name) or [1] * count for name in ("strides", "dilations"))
    reach = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    before, after = _pads(node, sizes(x)[2:], strides, reach)
    spread = _spread(op, x, strides)
    widths = [0, 0, *(r - b for r, b in zip(reach, before, strict=True))]
    widths += [0, 0, *(r - a for r, a in zip(reach, after, strict=True))]
    padded = op.Pad(spread, np.array(widths)) if any(widths) else spread
    return op.Conv(  # type: ignore[no-any-return]
        padded, _turned(op, w, groups, count), node.get(2), dilations=dilations, group=groups
    )


def _pads(
    node: Operator, old: list[int | None], strides: list[int], reach: list[int]
) -> tuple[list[int], list[int]]:
    """What is cut off before and after the whole result; below zero where it is made larger."""
    count = len(strides)
    extra = node.attribute("output_padding") or [0] * count
    auto, wanted = node.attribute("auto_pad", "NOTSET"), node.attribute("output_shape")
    if wanted is None and auto in ("NOTSET", "", "VALID"):
        pads = (node.attribute("pads") if auto != "VALID" else None) or [0] * (2 * count)
        return pads[:count], [a - e for a, e in zip(pads[count:], extra, strict=True)]
    before, after = [], []
    for axis, size in enumerate(old):
        if size is None:
            raise Refusal("the spatial sizes are not known")
        stride = strides[axis]
        target = size * stride if wanted is None else wanted[-count:][axis]
        total = stride * (size - 1) + extra[axis] + reach[axis] + 1 - target
        small = total // 2
        first = small if auto == "SAME_UPPER" else total - small
        before.append(first)
        after.append(total - first - extra[axis])
    return before, after


def _spread(op: Builder, x: ir.Value, strides: list[int]) -> ir.Value:
    """`stride - 1` zeros between the entries of each spatial axis."""
    own = sizes(x)
    for axis, stride in enumerate(strides, start=2):
        if stride == 1:
            continue
        widths = np.zeros(2 * (rank(x) + 1), np.int64)
        widths[rank(x) + 1 + axis + 1] = stride - 1
        lined = op.Pad(op.Unsqueeze(x, [axis + 1]), widths)
        shape = [op.size(x, a) if a != axis else -1 for a in range(rank(x))]
        # Dynamic sizes behind the axis would leave two of them open.
        if all(own[a] is not None for a in range(1, rank(x)) if a != axis):
            shape = [0, *(-1 if a == axis else int(own[a] or 0) for a in range(1, rank(x)))]
        whole = op.reshape(lined, *shape)
        size = own[axis]
        stop = -(stride - 1) if size is None else (size - 1) * stride + 1
        before = x.shape
        x = op.Slice(whole, [0], [stop], [axis])
        own = [*own[:axis], None if size is None else (size - 1) * stride + 1, *own[axis + 1 :]]
        assert before is not None
        x.shape = ir.Shape([own[a] if a != 0 else before[0] for a in range(len(own))])
    return x


def _turned(op: Builder, w: ir.Value, groups: int, count: int) -> ir.Value | np.ndarray:
    """[in, out / groups, …] as a convolution wants it: [out, in / groups, …], back to front."""
    shape = sizes(w)
    kernel, spatial = _kernel(w), list(range(2, 2 + count))
    order = [0, 2, 1, *(a + 1 for a in spatial)]
    inner, outer = shape[0], shape[1]
    if inner is None or outer is None:
        raise Refusal("the shape of the weights is not known")
    split = [groups, inner // groups, outer, *kernel]
    joined = [groups * outer, inner // groups, *kernel]
    array = known(w)
    if array is not None:
        flipped = np.flip(array, tuple(spatial)).reshape(split).transpose(order).reshape(joined)
        return np.ascontiguousarray(flipped)
    flipped = op.Slice(w, [-1] * count, [-(2**31)] * count, spatial, [-1] * count)
    return op.Reshape(op.Transpose(op.Reshape(flipped, split), perm=order), joined)  # type: ignore[no-any-return]
