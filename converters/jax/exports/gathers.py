"""Parts of tensors taken by computed places, and put there (StableHLO, gather and scatter).

Every place is a start in some axes and a window around it. Here each start becomes the places of all
entries of its window in those axes, which ONNX's GatherND and ScatterND take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.shape import only, vector_of
from interop.converters.jax.exports.tensors import Dim, Refused, Size, Tensor
from interop.converters.jax.exports.writing import Writer
from jax.extend.mlir.dialects import stablehlo as hlo


@dataclass(frozen=True)
class _Places:
    """Starts of windows.

    indices: [batch…, along its vector axis the starts]. axes: of the operand, one a start. paired: axes
    of the operand that go with axes of the batch, (operand's, batch's). extents: of a window, by axis.
    """

    w: Writer
    indices: Tensor
    vector: int
    axes: list[int]
    paired: list[tuple[int, int]]
    extents: list[int | Size]

    @property
    def batch(self) -> list[int]:
        """Axes of `indices` that are not the vector's."""
        return [axis for axis in range(self.indices.rank) if axis != self.vector]

    def starts(self) -> list[str]:
        """Per axis of `axes`, the starts as an int64 tensor [batch…]."""
        w, x = self.w, self.indices
        if self.vector == x.rank:
            return [w.cast(w.full(x), x.dtype, "int64")]
        last = len(self.batch)
        if len(self.axes) == 1:
            thin = x.thin if x.thin is not None else ()
            if x.thin is None or set(thin) == set(self.batch):
                return [w.cast(only(w, x, self.batch), x.dtype, "int64")]
        whole = w.cast(w.arranged(x, [*self.batch, self.vector]), x.dtype, "int64")
        return [
            w.once("Gather", whole, w.constant(number), axis=last) for number in range(len(self.axes))
        ]

    def known(self, number: int) -> np.ndarray | None:
        """The starts of one axis, where they are constants."""
        known = self.indices.known()
        if known is None:
            return None
        return known if self.vector == self.indices.rank else np.take(known, number, self.vector)

    def wide(self) -> list[int]:
        """Numbers of the axes in which a window has several entries."""
        return [number for number, axis in enumerate(self.axes) if self.extents[axis] != 1]

    def entries(self, starts: Sequence[str]) -> str:
        """[batch…, windows' axes…, axes]: the place of every entry of every window."""
        w, wide, depth = self.w, self.wide(), len(self.batch)
        columns = []
        for number, start in enumerate(starts):
            if wide:
                start = w.once("Unsqueeze", start, w.constant([depth + i for i in range(len(wide))]))
            if number in wide:
                behind = len(wide) - 1 - wide.index(number)
                along = w.once("Range", w.constant(0), w.scalar(self.extents[self.axes[number]]), w.constant(1))  # fmt: skip
                if behind:
                    along = w.once("Unsqueeze", along, w.constant(list(range(1, behind + 1))))
                start = w.once("Add", start, along)
            columns.append(start)
        if len(columns) == 1:
            return w.once("Unsqueeze", columns[0], w.constant([-1]))
        dims = [w.dim(self.indices, axis) for axis in self.batch]
        shape = w.vector([*dims, *(self.extents[self.axes[number]] for number in wide)])
        spread = [w.once("Expand", column, shape) for column in columns] if wide else columns
        return w.once("Concat", *(w.once("Unsqueeze", one, w.constant([-1])) for one in spread), axis=-1)


def gather(op: Op) -> Tensor:
    at = hlo.GatherDimensionNumbers(op.operation.attributes["dimension_numbers"])
    extents = vector_of(op, 2) if len(op.operands) > 2 else op.integers("slice_sizes")
    paired = zip(at.operand_batching_dims, at.start_indices_batching_dims, strict=True)
    places = _Places(
        op.w, op.operands[1], at.index_vector_dim, list(at.start_index_map), list(paired), list(extents)
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
        name = op.w.once("Unsqueeze", name, op.w.constant([len(found) + i for i in range(len(lost))]))
        found = [*found, *lost]
    perm = [found.index(one) for one in wanted]
    if perm != sorted(perm):
        name = op.w.once("Transpose", name, perm=perm)
    sizes: list[Dim] = [
        extents[axis] if kind == "data" else places.indices.sizes[axis] for kind, axis in wanted
    ]
    return op.made(name, sizes)


def _narrowed(op: Op, x: Tensor, places: _Places) -> Tensor:
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


def _taken(op: Op, x: Tensor, places: _Places) -> tuple[str, list[tuple[str, int]]]:
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
    w: Writer, x: Tensor, places: _Places, start: str, batch: list[tuple[str, int]]
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


def _one_window(w: Writer, x: Tensor, places: _Places, starts: Sequence[str]) -> str:
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


_KINDS = {"add": "add", "maximum": "max", "minimum": "min", "multiply": "mul", "set": "none"}


def scatter(op: Op) -> Tensor:
    """Operands: data, places, updates. A window that does not lie within the data changes nothing."""
    if len(op.results) != 1:
        raise Refused("several operands at once")
    kind = _combined(op)
    at = hlo.ScatterDimensionNumbers(op.operation.attributes["scatter_dimension_numbers"])
    x, indices, updates = op.operands
    w = op.w
    pairs = list(zip(at.input_batching_dims, at.scatter_indices_batching_dims, strict=True))
    gone = [*at.inserted_window_dims, *at.input_batching_dims]
    kept = [axis for axis in range(x.rank) if axis not in gone]
    extents: list[Any] = [1] * x.rank
    for axis, place in zip(kept, at.update_window_dims, strict=True):
        extents[axis] = w.dim(updates, place)
    axes = list(at.scattered_dims_to_operand_dims)
    places = _Places(w, indices, at.index_vector_dim, axes, pairs, extents)
    starts = places.starts()
    valid = _inside(places, starts, x)
    more = [axis for axis in kept if axis not in axes and extents[axis] != w.dim(x, axis)]
    starts, all_axes = _with_others(places, starts, pairs, more)
    wide = _Places(w, indices, at.index_vector_dim, all_axes, [], extents)
    windows = [all_axes[number] for number in wide.wide()]
    rest = [axis for axis in range(x.rank) if axis not in all_axes]
    batch = [axis for axis in range(updates.rank) if axis not in at.update_window_dims]
    window_at = dict(zip(kept, at.update_window_dims, strict=True))
    single = [window_at[axis] for axis in kept if axis in all_axes and axis not in windows]
    order = [*batch, *(window_at[axis] for axis in (*windows, *rest))]
    new = w.arranged(updates, [*single, *order])
    if single:
        new = w.once("Squeeze", new, w.constant(list(range(len(single)))))
    data = w.arranged(x, [*all_axes, *rest])
    before = x.dtype
    computed = "int32" if before == "bool" and kind != "none" else before
    entries = wide.entries(starts)
    data, new = (w.cast(one, before, computed) for one in (data, new))
    if valid is None:
        name = w.once("ScatterND", data, entries, new, reduction=kind)
    else:
        name = _beside(w, data, entries, new, kind, valid, len(windows), w.dim(x, all_axes[0]))
    name = w.cast(name, computed, before)
    back = [[*all_axes, *rest].index(axis) for axis in range(x.rank)]
    if back != sorted(back):
        name = w.once("Transpose", name, perm=back)
    return op.made(name, x.sizes)


def _combined(op: Op) -> str:
    """How an update and what it meets are combined, in ONNX's words."""
    block = op.block(0)
    operations = [view.operation for view in block.operations]
    if len(operations) == 1 and operations[0].operands[0] == block.arguments[1]:
        return "none"
    from interop.converters.jax.exports.reductions import kind_of

    kind = kind_of(op, 0)
    if op.dtype == "bool":
        kind = {"or": "maximum", "and": "minimum", "add": "maximum", "multiply": "minimum"}.get(kind, kind)  # fmt: skip
    if kind not in _KINDS:
        raise Refused(f"updates combined by {kind}")
    return _KINDS[kind]


def _inside(places: _Places, starts: Sequence[str], x: Tensor) -> str | None:
    """Which windows lie within the data, [batch…]; None where all are known to."""
    w, found = places.w, None
    for number, (start, axis) in enumerate(zip(starts, places.axes, strict=True)):
        size, extent, known = w.dim(x, axis), places.extents[axis], places.known(number)
        if known is not None and isinstance(size, int) and isinstance(extent, int):
            if not ((known < 0) | (known > size - extent)).any():
                continue
        elif known is not None and not known.any():
            continue
        most = w.scalar(w.size("Sub", size, extent)) if not (isinstance(size, int) and isinstance(extent, int)) else w.constant(size - extent)  # fmt: skip
        low = w.once("GreaterOrEqual", start, w.constant(0))
        within = w.once("And", low, w.once("LessOrEqual", start, most))
        found = within if found is None else w.once("And", found, within)
    return found


def _with_others(
    places: _Places, starts: list[str], pairs: list[tuple[int, int]], more: list[int]
) -> tuple[list[str], list[int]]:
    """Starts for axes that go with the batch, and for those whose windows begin at 0."""
    w = places.w
    zeros = None
    if pairs or more or not starts:
        dims = [w.dim(places.indices, axis) for axis in places.batch]
        zeros = w.once("Expand", w.constant(0), w.vector(dims))
    starts, axes = list(starts), list(places.axes)
    for axis, batch in pairs:
        place = places.batch.index(batch)
        along = w.once("Range", w.constant(0), w.scalar(w.dim(places.indices, batch)), w.constant(1))
        behind = len(places.batch) - 1 - place
        if behind:
            along = w.once("Unsqueeze", along, w.constant(list(range(1, behind + 1))))
        starts.append(w.once("Add", zeros or "", along))
        axes.append(axis)
    for axis in more:
        starts.append(zeros or "")
        axes.append(axis)
    return starts, axes


def _beside(
    w: Writer, data: str, entries: str, new: str, kind: str, valid: str, windows: int, size: int | Size
) -> str:  # fmt: skip
    """Scattered into data with one more row at its end, which takes what belongs nowhere."""
    zero, one = w.constant([0]), w.constant(1)
    shape = w.once("Shape", data)
    row = w.once("Concat", w.constant([1]), w.once("Slice", shape, w.constant([1]), w.constant([1 << 31])), axis=0)  # fmt: skip
    spare = w.once("Expand", w.once("CastLike", w.constant(0), data), row)
    longer = w.once("Concat", data, spare, axis=0)
    behind = [-1 - number for number in range(windows + 1)]
    mask = w.once("Unsqueeze", valid, w.constant(sorted(behind)))
    depth = w.once("Gather", w.once("Shape", entries), w.constant(-1), axis=0)
    elsewhere = w.once("Mul", w.once("Sub", one, w.once("Min", one, w.once("Range", w.constant(0), depth, one))), w.scalar(size))  # fmt: skip
    kept = w.once("Where", mask, entries, elsewhere)
    name = w.once("ScatterND", longer, kept, new, reduction=kind)
    return w.once("Slice", name, zero, w.vector([size]), zero)


GATHERS: dict[str, Any] = {"dynamic_gather": gather, "gather": gather, "scatter": scatter}
