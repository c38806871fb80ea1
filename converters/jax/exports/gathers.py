"""Parts of tensors taken by computed places, and put there (StableHLO, gather and scatter).

Every place is a start in some axes and a window around it. Here each start becomes the places of all
entries of its window in those axes, which ONNX's GatherND and ScatterND take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.places import Places
from interop.converters.jax.exports.slices import vector_of
from interop.converters.jax.exports.tensors import Dim, Size, Tensor
from interop.converters.jax.exports.writing import Writer
from jax.extend.mlir.dialects import stablehlo as hlo


def gather(op: Op) -> Tensor:
    at = hlo.GatherDimensionNumbers(op.operation.attributes["dimension_numbers"])
    extents = vector_of(op, 2) if len(op.operands) > 2 else op.integers("slice_sizes")
    paired = zip(at.operand_batching_dims, at.start_indices_batching_dims, strict=True)
    places = Places(
        op.w,
        op.operands[1],
        at.index_vector_dim,
        list(at.start_index_map),
        list(paired),
        list(extents),
    )
    x = _narrowed(op, op.operands[0], places)
    gone = [*at.collapsed_slice_dims, *at.operand_batching_dims]
    kept = [axis for axis in range(x.rank) if axis not in gone]
    name, found = _taken(op, x, places)
    # `found` says what each axis of the result is: ("batch", axis of indices) or ("data", axis of x).
    wanted: list[tuple[str, int]] = []
    offsets, batch = iter(kept), iter(places.batch)
    for axis in range(len(op.sizes)):
        wanted.append(("data", next(offsets)) if axis in at.offset_dims else ("batch", next(batch)))
    gone_here = [number for number, one in enumerate(found) if one not in wanted]
    if gone_here:
        name = op.w.once("Squeeze", name, op.w.constant(gone_here))
        found = [one for one in found if one in wanted]
    lost = [one for one in wanted if one not in found]  # axes in which a window is one entry long
    if lost:
        name = op.w.once(
            "Unsqueeze", name, op.w.constant([len(found) + i for i in range(len(lost))])
        )
        found = [*found, *lost]
    perm = [found.index(one) for one in wanted]
    if perm != sorted(perm):
        name = op.w.once("Transpose", name, perm=perm)
    sizes: list[Dim] = [
        extents[axis] if kind == "data" else places.indices.sizes[axis] for kind, axis in wanted
    ]
    return op.made(name, sizes)


def _narrowed(op: Op, x: Tensor, places: Places) -> Tensor:
    """x without what no window reaches: those in axes without a start begin at 0."""
    w, pairs = op.w, [axis for axis, _ in places.paired]
    dims = w.dims(x)
    last = [
        dims[axis] if axis in (*places.axes, *pairs) else places.extents[axis]
        for axis in range(x.rank)
    ]
    cut = [axis for axis in range(x.rank) if last[axis] != dims[axis]]
    if not cut:
        return x
    bounds = w.constant([0] * len(cut)), w.vector([last[a] for a in cut]), w.constant(cut)
    name = w.once("Slice", w.full(x), *bounds)
    return Tensor(name, x.dtype, tuple(last))


def _taken(op: Op, x: Tensor, places: Places) -> tuple[str, list[tuple[str, int]]]:
    """The windows, and what their axes are."""
    w, rank = op.w, x.rank
    starts = [
        _kept(w, start, places.known(number), w.dim(x, axis), places.extents[axis])
        for number, (start, axis) in enumerate(zip(places.starts(), places.axes, strict=True))
    ]
    batch = [("batch", axis) for axis in places.batch]
    if not starts:
        return w.full(x), [("data", axis) for axis in range(rank)]
    if not batch and len(starts) > 1 and not places.paired:
        return _one_window(w, x, places, starts), [("data", axis) for axis in range(rank)]
    if len(starts) == 1 and not places.paired:
        return _along(w, x, places, starts[0], batch)
    pairs = [axis for axis, _ in places.paired]
    lead = [axis for _, axis in places.paired]
    rest = [axis for axis in range(rank) if axis not in (*places.axes, *pairs)]
    data = w.arranged(x, [*pairs, *places.axes, *rest])
    entries = places.entries(starts)
    order = [places.batch.index(axis) for axis in lead]
    order += [axis for axis in range(len(places.batch)) if axis not in order]
    windows = [("data", places.axes[number]) for number in places.wide()]
    total = len(order) + len(windows)
    perm = [*order, *range(len(order), total + 1)]
    if perm != sorted(perm):
        entries = w.once("Transpose", entries, perm=perm)
    name = w.once("GatherND", data, entries, batch_dims=len(pairs))
    return name, [*(batch[i] for i in order), *windows, *(("data", axis) for axis in rest)]


def _along(
    w: Writer, x: Tensor, places: Places, start: str, batch: list[tuple[str, int]]
) -> tuple[str, list[tuple[str, int]]]:
    """Starts in one axis: ONNX's Gather."""
    (axis,) = places.axes
    around = [("data", other) for other in range(x.rank)]
    inner = list(batch)
    if places.extents[axis] != 1:
        start = w.once("Squeeze", places.entries([start]), w.constant([-1]))
        inner.append(("data", axis))
    order = x.order if x.thin is None else None
    if order is None:
        name = w.once("Gather", w.full(x), start, axis=axis)
        return name, [*around[:axis], *inner, *around[axis + 1 :]]
    base = [("data", order.index(place)) for place in range(x.rank)]
    name = w.once("Gather", w.held(x), start, axis=order[axis])
    return name, [*base[: order[axis]], *inner, *base[order[axis] + 1 :]]


def _one_window(w: Writer, x: Tensor, places: Places, starts: Sequence[str]) -> str:
    zero = w.constant([0])
    first = [w.once("Unsqueeze", start, zero) for start in starts]
    begin = w.once("Concat", *first, axis=0)
    end = w.once("Add", begin, w.vector([places.extents[axis] for axis in places.axes]))
    return w.once("Slice", w.full(x), begin, end, w.constant(places.axes))


def _kept(
    w: Writer, start: str, known: np.ndarray | None, size: int | Size, extent: int | Size
) -> str:
    """A start, moved so that its window lies within the operand."""
    if isinstance(size, int) and isinstance(extent, int):
        if known is not None:
            return w.constant(np.clip(known, 0, size - extent))
        return w.once("Clip", start, w.constant(0), w.constant(size - extent))
    if known is not None and not known.any():
        return w.constant(known)
    most = w.scalar(w.size("Sub", size, extent))
    return w.once("Max", w.once("Min", start, most), w.constant(0))


GATHERS: dict[str, Any] = {"dynamic_gather": gather, "gather": gather}
