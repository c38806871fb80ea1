"""What is put into a tensor at computed places (StableHLO, scatter): ONNX's ScatterND."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.places import Places
from interop.converters.jax.exports.reductions import ON_TRUTHS, kind_of
from interop.converters.jax.exports.tensors import Refused, Size, Tensor
from interop.converters.jax.exports.writing import Writer
from jax.extend.mlir.dialects import stablehlo as hlo

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
    places = Places(w, indices, at.index_vector_dim, axes, pairs, extents)
    starts = places.starts()
    valid = _inside(places, starts, x)
    more = [axis for axis in kept if axis not in axes and extents[axis] != w.dim(x, axis)]
    starts, all_axes = _with_others(places, starts, pairs, more)
    wide = Places(w, indices, at.index_vector_dim, all_axes, [], extents)
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
        name = _beside(
            w, data, entries, new, kind, valid, len(windows), len(all_axes), w.dim(x, all_axes[0])
        )
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
    kind = kind_of(op, 0)
    if op.dtype == "bool":
        kind = ON_TRUTHS.get(kind, kind)
    if kind not in _KINDS:
        raise Refused(f"updates combined by {kind}")
    return _KINDS[kind]


def _inside(places: Places, starts: Sequence[str], x: Tensor) -> str | None:
    """Which windows lie within the data, [batch…]; None where all are known to."""
    w, found = places.w, None
    for number, (start, axis) in enumerate(zip(starts, places.axes, strict=True)):
        size, extent, known = w.dim(x, axis), places.extents[axis], places.known(number)
        if known is not None and isinstance(size, int) and isinstance(extent, int):
            if not ((known < 0) | (known > size - extent)).any():
                continue
        elif known is not None and not known.any():
            continue
        most = w.scalar(w.size("Sub", size, extent))
        low = w.once("GreaterOrEqual", start, w.constant(0))
        within = w.once("And", low, w.once("LessOrEqual", start, most))
        found = within if found is None else w.once("And", found, within)
    return found


def _with_others(
    places: Places, starts: list[str], pairs: list[tuple[int, int]], more: list[int]
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
        along = w.once(
            "Range", w.constant(0), w.scalar(w.dim(places.indices, batch)), w.constant(1)
        )
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
    w: Writer, data: str, entries: str, new: str, kind: str, valid: str, windows: int, depth: int,
    size: int | Size,
) -> str:  # fmt: skip
    """Scattered into data with one more row at its end, which takes what belongs nowhere."""
    zero = w.constant([0])
    inner = w.once("Shape", data, start=1)
    row = w.once("Concat", w.constant([1]), inner, axis=0)
    spare = w.once("Expand", w.once("CastLike", w.constant(0), data), row)
    longer = w.once("Concat", data, spare, axis=0)
    behind = [-1 - number for number in range(windows + 1)]
    mask = w.once("Unsqueeze", valid, w.constant(sorted(behind)))
    first = w.once("Equal", w.counted(depth, 0), w.constant(0))
    elsewhere = w.once("Where", first, w.scalar(size), w.constant(0))
    kept = w.once("Where", mask, entries, elsewhere)
    name = w.once("ScatterND", longer, kept, new, reduction=kind)
    return w.once("Slice", name, zero, w.vector([size]), zero)


SCATTERS: dict[str, Any] = {"scatter": scatter}
