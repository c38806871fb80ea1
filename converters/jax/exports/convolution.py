"""Convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.slices import padded, reversed_along, vector_of, with_gaps
from interop.converters.jax.exports.tensors import Dim, Refused, Tensor
from interop.converters.jax.exports.writing import Writer
from jax.extend.mlir.dialects import stablehlo as hlo


def convolution(op: Op) -> Tensor:
    """Operands: data, weights, for dynamic_conv the padding [spatial, 2]. Any order of axes.

    What is dilated in the data is a transposed convolution (StableHLO, convolution).
    """
    if op.number("batch_group_count", 1) != 1:
        raise Refused("groups of the batch, as in the gradient of a convolution")
    if np.dtype(op.dtype).kind not in "fV":
        raise Refused(f"a convolution of {op.dtype}")
    at = hlo.ConvDimensionNumbers(op.operation.attributes["dimension_numbers"])
    data, weights = op.operands[:2]
    w, rank = op.w, data.rank - 2
    spatial = list(at.input_spatial_dimensions)
    x = w.arranged(data, [at.input_batch_dimension, at.input_feature_dimension, *spatial])
    kernel_axes = list(at.kernel_spatial_dimensions)
    kernel = [weights.sizes[axis] for axis in kernel_axes]
    if any(not isinstance(size, int) for size in kernel):
        raise Refused("a window of open size")
    k = w.arranged(
        weights,
        [at.kernel_output_feature_dimension, at.kernel_input_feature_dimension, *kernel_axes],
    )
    x, k = (w.cast(name, value.dtype, op.dtype) for name, value in ((x, data), (k, weights)))
    turned = (
        op.array("window_reversal", [rank]).astype(bool)
        if op.has("window_reversal")
        else [False] * rank
    )
    plan = _Plan(
        kernel,
        op.integers("window_strides", [1] * rank),
        op.integers("rhs_dilation", [1] * rank),
        op.integers("lhs_dilation", [1] * rank),
        _padding(op, rank),
        op.number("feature_group_count", 1),
    )
    back = [2 + axis for axis in range(rank) if turned[axis]]
    if back:
        k = reversed_along(w, k, back)
    channels = [
        weights.sizes[axis]
        for axis in (at.kernel_output_feature_dimension, at.kernel_input_feature_dimension)
    ]
    into = (at.input_batch_dimension, at.input_feature_dimension, *spatial)
    sizes = [w.dim(data, axis) for axis in into]
    if any(one > 1 for one in plan.gaps):
        name = _transposed(w, x, k, plan, channels, sizes)
    else:
        name = _plain(w, x, k, plan)
    order = [0] * data.rank
    order[at.output_feature_dimension] = 1
    for place, axis in enumerate(at.output_spatial_dimensions):
        order[axis] = 2 + place
    known: list[Dim] = [None] * data.rank
    known[at.output_batch_dimension] = data.sizes[at.input_batch_dimension]
    made = op.made(name, known)
    return Tensor(name, made.dtype, made.sizes, None if order == sorted(order) else tuple(order))


class _Plan:
    """How a window moves. pads: before and after, whole numbers or sizes; gaps: how far apart the data
    are set first."""

    def __init__(
        self, kernel: list[int], strides: list[int], holes: list[int], gaps: list[int],
        pads: list[tuple[Any, Any]], group: int,
    ) -> None:  # fmt: skip
        self.kernel, self.strides, self.holes, self.gaps = kernel, strides, holes, gaps
        self.pads, self.group = pads, group

    def options(self) -> dict[str, Any]:
        return {"kernel_shape": self.kernel, "strides": self.strides, "dilations": self.holes,
                "group": self.group}  # fmt: skip

    def fixed(self) -> bool:
        """Whether ONNX can have the padding as it is."""
        return all(isinstance(one, int) and one >= 0 for pair in self.pads for one in pair)


def _padding(op: Op, rank: int) -> list[tuple[Any, Any]]:
    if len(op.operands) > 2:
        flat: list[Any] = vector_of(op, 2)
    else:
        flat = [int(one) for one in op.array("padding", [rank, 2]).flat]
    return list(zip(flat[::2], flat[1::2], strict=True))


def _plain(w: Writer, x: str, k: str, plan: _Plan) -> str:
    options = plan.options()
    if plan.fixed():
        options["pads"] = [one for side in zip(*plan.pads, strict=True) for one in side]
    else:
        low, high = ([0, 0, *(pair[side] for pair in plan.pads)] for side in (0, 1))
        x = padded(w, x, "", low, high)
    return w.once("Conv", x, k, **options)


def _transposed(w: Writer, x: str, k: str, plan: _Plan, channels: Any, sizes: list[Any]) -> str:
    """A convolution over data with gaps, as the transposed convolution that spreads each entry.

    Its window is the same, turned around, and it cuts off what the other does not reach.
    """
    reach = [(size - 1) * hole + 1 for size, hole in zip(plan.kernel, plan.holes, strict=True)]
    cut = [
        [r - 1 - one if isinstance(one, int) else -1 for one in pair]
        for r, pair in zip(reach, plan.pads, strict=True)
    ]
    more = [max(-after, 0) for _, after in cut]
    spread = all(
        extra < max(gap, hole) for extra, gap, hole in zip(more, plan.gaps, plan.holes, strict=True)
    )
    if (
        any(stride > 1 for stride in plan.strides)
        or any(before < 0 for before, _ in cut)
        or not spread
    ):
        whole = Tensor(x, "float32", tuple(sizes))
        value = w.once("CastLike", w.constant(0, "float32"), x)
        x = with_gaps(w, whole, x, value, [0, 0, *(gap - 1 for gap in plan.gaps)])
        return _plain(w, x, k, plan)
    rank, (out, into) = len(plan.kernel), channels
    k = reversed_along(w, k, [2 + axis for axis in range(rank)])
    if plan.group > 1:  # [g · O, I, …] → [g · I, O, …]
        apart = [plan.group, out // plan.group, into, *plan.kernel]
        k = w.once("Reshape", k, w.constant(apart))
        k = w.once("Transpose", k, perm=[0, 2, 1, *range(3, 3 + rank)])
        k = w.once("Reshape", k, w.constant([plan.group * into, out // plan.group, *plan.kernel]))
    else:
        k = w.once("Transpose", k, perm=[1, 0, *range(2, 2 + rank)])
    pads = [before for before, _ in cut] + [max(after, 0) for _, after in cut]
    extra = {"output_padding": more} if any(more) else {}
    options = {**plan.options(), "strides": plan.gaps, "pads": pads, **extra}
    return w.once("ConvTranspose", x, k, **options)


CONVOLUTIONS: dict[str, Any] = {"convolution": convolution, "dynamic_conv": convolution}
