"""Convolutions, and reductions over windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.reductions import identity_of, is_identity, kind_of
from interop.converters.jax.exports.running import running_total
from interop.converters.jax.exports.shape import padded, reversed_along, vector_of, with_gaps
from interop.converters.jax.exports.tensors import Dim, Refused, Size, Tensor
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
    x, k = (
        w.cast(name, value.dtype, op.dtype)
        for name, value in ((x, data), (k, weights))
    )
    turned = op.array("window_reversal", [rank]).astype(bool) if op.has("window_reversal") else [False] * rank
    plan = _Plan(
        kernel,  # type: ignore[arg-type]
        op.integers("window_strides", [1] * rank),
        op.integers("rhs_dilation", [1] * rank),
        op.integers("lhs_dilation", [1] * rank),
        _padding(op, rank),
        op.number("feature_group_count", 1),
    )
    back = [2 + axis for axis in range(rank) if turned[axis]]
    if back:
        k = reversed_along(w, k, back)
    channels = weights.sizes[at.kernel_output_feature_dimension], weights.sizes[at.kernel_input_feature_dimension]  # fmt: skip
    sizes = [w.dim(data, axis) for axis in (at.input_batch_dimension, at.input_feature_dimension, *spatial)]  # fmt: skip
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
    if any(stride > 1 for stride in plan.strides) or any(before < 0 for before, _ in cut) or not spread:
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


def reduce_window(op: Op) -> Any:
    """Operands: data, the value that a window starts with, for the dynamic form window, strides, and
    so on as vectors."""
    if len(op.results) != 1:
        raise Refused("several reductions at once over a window")
    rank = op.operands[0].rank
    return windowed(
        op, op.block(0),
        op.integers("window_dimensions"),
        op.integers("window_strides", [1] * rank),
        op.integers("base_dilations", [1] * rank),
        op.integers("window_dilations", [1] * rank),
        [(int(a), int(b)) for a, b in op.array("padding", [rank, 2])],
    )  # fmt: skip


def dynamic_reduce_window(op: Op) -> Any:
    """The custom call of that name: a function is what reduces."""
    vectors = [vector_of(op, index) for index in range(2, 6)]
    pads = vector_of(op, 6)
    called = op.operation.attributes["called_computations"][0].value
    body = op.frame.functions[called].regions[0].blocks[0]
    return windowed(op, body, *vectors, list(zip(pads[::2], pads[1::2], strict=True)))


def windowed(
    op: Op, body: Any, window: Sequence[Any], strides: Sequence[Any], gaps: Sequence[Any],
    holes: Sequence[Any], pads: Sequence[tuple[Any, Any]],
) -> Tensor:  # fmt: skip
    w, x = op.w, op.operands[0]
    if any(gap != 1 for gap in gaps):
        raise Refused("windows over data with gaps")
    running = _running(w, x, window, strides, holes, pads)
    if running is not None:
        return running_total(op, body, *running)
    kind = kind_of(op, body)
    if not is_identity(op.operands[1], kind, w):
        raise Refused(f"windows that start with anything but what leaves a {kind} alone")
    if not _all_known([*window, *strides, *holes]):
        raise Refused("windows of open size")
    axes = [
        axis for axis in range(x.rank)
        if (window[axis], strides[axis], *pads[axis]) != (1, 1, 0, 0)
    ]  # fmt: skip
    if not axes:
        return x
    if kind not in _POOLS:
        raise Refused(f"windows reduced by {kind}")
    return _pooled(op, kind, axes, window, strides, holes, pads)


def _all_known(values: Sequence[Any]) -> bool:
    return all(isinstance(one, int) for one in values)


def _running(
    w: Writer, x: Tensor, window: Sequence[Any], strides: Sequence[Any], holes: Sequence[Any], pads: Sequence[Any]
) -> tuple[int, bool] | None:  # fmt: skip
    """(axis, whether from the end) of windows that reach from each entry to the first, or last one."""
    axes = [axis for axis in range(x.rank) if window[axis] != 1 or any(p != 0 for p in pads[axis])]
    if len(axes) != 1 or any(one != 1 for one in (*strides, *holes)):
        return None
    (axis,) = axes
    size = w.dim(x, axis)
    if window[axis] != size:
        return None
    reach = (w.plus(size, -1), 0)
    if tuple(pads[axis]) == reach:
        return axis, False
    return (axis, True) if tuple(pads[axis]) == reach[::-1] else None


def _pooled(op: Op, kind: str, axes: list[int], window: Any, strides: Any, holes: Any, pads: Any) -> Tensor:
    """By ONNX's pools, over [N, C, window's axes…]."""
    w, x = op.w, op.operands[0]
    others = [axis for axis in range(x.rank) if axis not in axes]
    name = w.cast(w.arranged(x, [*others, *axes]), x.dtype, _pool_dtype(x.dtype))
    dims = [w.dim(x, axis) for axis in others]
    if len(others) != 2:
        lead = [1] * (2 - len(others)) + dims if len(others) < 2 else [-1, 1]
        name = w.reshaped(name, [*lead, *(w.dim(x, axis) for axis in axes)])
    options = {"kernel_shape": [window[a] for a in axes], "strides": [strides[a] for a in axes],
               "dilations": [holes[a] for a in axes]}  # fmt: skip
    inside = [pads[axis] for axis in axes]
    spans = [(window[axis] - 1) * holes[axis] + 1 for axis in axes]
    if all(isinstance(p, int) and 0 <= p < span for pair, span in zip(inside, spans, strict=True) for p in pair):  # fmt: skip
        options["pads"] = [one for side in zip(*inside, strict=True) for one in side]
    else:
        least = w.constant(identity_of(kind, _pool_dtype(x.dtype)), _pool_dtype(x.dtype))
        low, high = ([0, 0, *(pair[side] for pair in inside)] for side in (0, 1))
        name = padded(w, name, least, low, high)
    name = w.cast(_POOLS[kind](w, name, _pool_dtype(x.dtype), options), _pool_dtype(x.dtype), x.dtype)
    sizes: list[Dim] = [x.sizes[axis] if axis in others else None for axis in range(x.rank)]
    order = [0] * x.rank
    for place, axis in enumerate([*others, *axes]):
        order[axis] = place
    if len(others) != 2:
        shape = w.once("Shape", name, start=2)
        whole = w.once("Concat", w.vector(dims), shape, axis=0) if dims else shape
        name = w.once("Reshape", name, whole)
    made = op.made(name, sizes)
    return Tensor(name, made.dtype, made.sizes, None if order == sorted(order) else tuple(order))


def _pool_dtype(dtype: str) -> str:
    """Pools are of floats: integers below 2^53 are whole in float64."""
    return dtype if np.dtype(dtype).kind in "fV" else "float64"


def _max_pool(w: Writer, x: str, dtype: str, options: dict[str, Any]) -> str:
    return w.once("MaxPool", x, **options)


def _min_pool(w: Writer, x: str, dtype: str, options: dict[str, Any]) -> str:
    return w.once("Neg", w.once("MaxPool", w.once("Neg", x), **options))


def _sum_pool(w: Writer, x: str, dtype: str, options: dict[str, Any]) -> str:
    mean = w.once("AveragePool", x, count_include_pad=1, **options)
    return w.once("Mul", mean, w.constant(np.prod(options["kernel_shape"]), dtype))


_POOLS = {"maximum": _max_pool, "minimum": _min_pool, "add": _sum_pool}


WINDOWS: dict[str, Any] = {
    "convolution": convolution,
    "dynamic_conv": convolution,
    "reduce_window": reduce_window,
}
