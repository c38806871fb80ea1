"""Reductions over windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.reductions import identity_of, is_identity, kind_of
from interop.converters.jax.exports.running import running_total
from interop.converters.jax.exports.slices import padded, vector_of
from interop.converters.jax.exports.tensors import Dim, Refused, Tensor
from interop.converters.jax.exports.writing import Writer


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
    start = op.operands[1]
    bounded = kind in _BOUNDS and not is_identity(start, kind, w)
    if not bounded and not is_identity(start, kind, w):
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
    found = _pooled(op, kind, axes, window, strides, holes, pads)
    if bounded:
        return replace(found, name=w.once(_BOUNDS[kind], found.name, w.full(start)))
    return found


def _all_known(values: Sequence[Any]) -> bool:
    return all(isinstance(one, int) for one in values)


def _running(
    w: Writer, x: Tensor, window: Sequence[Any], strides: Sequence[Any], holes: Sequence[Any],
    pads: Sequence[Any],
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


def _pooled(
    op: Op, kind: str, axes: list[int], window: Any, strides: Any, holes: Any, pads: Any
) -> Tensor:
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
    if all(_within(pair, span) for pair, span in zip(inside, spans, strict=True)):
        options["pads"] = [one for side in zip(*inside, strict=True) for one in side]
    else:
        least = w.constant(identity_of(kind, _pool_dtype(x.dtype)), _pool_dtype(x.dtype))
        low, high = ([0, 0, *(pair[side] for pair in inside)] for side in (0, 1))
        name = padded(w, name, least, low, high)
    name = w.cast(
        _POOLS[kind](w, name, _pool_dtype(x.dtype), options), _pool_dtype(x.dtype), x.dtype
    )
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


def _within(pads: tuple[Any, Any], span: int) -> bool:
    """Whether ONNX's pools take the padding: less than a window."""
    return all(isinstance(one, int) and 0 <= one < span for one in pads)


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


#: What also holds the result to the value that each window starts with.
_BOUNDS = {"maximum": "Max", "minimum": "Min"}

_POOLS = {"maximum": _max_pool, "minimum": _min_pool, "add": _sum_pool}


WINDOWS: dict[str, Any] = {
    "reduce_window": reduce_window,
}
