"""Operators that move, cut and arrange. Dynamic sizes come as `x.shape[axis]`, not as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.keras.lowerings.common import (
    axes_of,
    call,
    cast,
    entries,
    layers,
    length,
    line,
    ops,
    static,
    taken,
)

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Refusal, Value


def identity(x: Value) -> Expression:
    return ops.copy(x)


def dropout(x: Value, ratio: Value | None = None, training: Value | None = None, *,
            seed: int = 0) -> Any:  # fmt: skip
    kept = ratio is not None and ratio.constant is not None and not ratio.constant.any()
    trained = training is not None and (training.constant is None or training.constant.any())
    if trained and not kept:
        raise Refusal("training draws random numbers, which nobody reproduces")
    return ops.copy(x), ops.ones_like(x, dtype="bool")


def reshape(
    x: Value, shape: Value, *, allowzero: int = 0, batch_kept: int = 0, node: Node
) -> Expression:
    """batch_kept: the first axis stays what it is, as the importer read off its symbol."""
    target: list[Any] = _wanted(shape, node)
    if shape.elements is None and None not in (node.outputs[0].shape or (None,)):
        return ops.reshape(x, target)
    if not allowzero:
        target = [x.size(a) if size == 0 else size for a, size in enumerate(target)]
        if shape.elements is None and any(isinstance(size, Expression) for size in target):
            # Data may say 0, too, which copies.
            target = [
                size
                if isinstance(size, int) or a >= x.known_rank
                else Symbol("or_else")(size, x.size(a))
                for a, size in enumerate(target)
            ]
    free = [not isinstance(size, int) or size == -1 for size in target]
    sizes = [-1 if one else size for one, size in zip(free, target, strict=True)]
    if batch_kept and len(sizes) > 1 and sum(free[1:]) <= 1:
        return call(layers.Reshape(tuple(sizes[1:]), dtype=x.dtype), x)
    if sum(free) > 1:
        return Symbol("reshaped")(x, target)
    return ops.reshape(x, sizes)


def _wanted(shape: Value, node: Node) -> list[int | Expression]:
    """The entries of the shape; what the result is declared to have, where they are data."""
    declared = node.outputs[0].shape
    if shape.elements is None and declared is not None and None not in declared:
        return [size for size in declared if size is not None]
    return entries(shape)


def _size(dims: Any) -> int | None:
    if any(not isinstance(dim, int) for dim in dims):
        return None
    return int(np.prod(dims, dtype=np.int64))


def flatten(x: Value, *, axis: int = 1) -> Expression:
    axis = axis % x.known_rank if axis < 0 else axis
    shape = x.shape or ()
    if axis == 1 and len(shape) > 1 and x.dtype == "float32":
        return call(layers.Flatten(), x)
    inner = _size(shape[axis:])
    if axis == 0 or inner is None:
        outer = 1 if axis == 0 else _size(shape[:axis])
        if outer is None:
            raise Refusal("dynamic sizes on both sides of the axis")
        return ops.reshape(x, [outer, -1])
    return ops.reshape(x, [-1, inner])


def transpose(x: Value, *, perm: list[int] | None = None) -> Expression:
    return ops.transpose(x) if perm is None else ops.transpose(x, perm)


def squeeze(x: Value, axes: Value | None = None) -> Expression:
    if axes is None:
        return ops.squeeze(x)
    positions = sorted((axis % x.known_rank for axis in axes_of(axes) or []), reverse=True)
    result: Expression = x
    for axis in positions:
        # Of a size that nobody knows Keras does not believe that it is 1.
        known = x.dim(axis) is not None
        result = ops.squeeze(result, axis=axis) if known else ops.take(result, 0, axis=axis)
    return result


def unsqueeze(x: Value, axes: Value) -> Expression:
    positions = axes_of(axes) or []
    rank = x.known_rank + len(positions)
    result: Expression = x
    for axis in sorted(axis % rank for axis in positions):
        result = ops.expand_dims(result, axis)
    return result


def concat(*xs: Value, axis: int) -> Expression:
    filled = [x for x in xs if x.constant is None or x.constant.size]
    xs = tuple(filled) or xs[:1]
    if len(xs) == 1:
        return ops.copy(xs[0])
    ranks = {len(x.shape or ()) for x in xs}
    floats = all(x.dtype == "float32" and x.constant is None for x in xs)
    if len(xs) > 1 and floats and ranks and min(ranks) > 1 and axis % xs[0].known_rank:
        return call(layers.Concatenate(axis=axis), list(xs))
    return ops.concatenate(list(xs), axis=axis)


def split(x: Value, sizes: Value | None = None, *, axis: int = 0, num_outputs: int | None = None,
          node: Any) -> Any:  # fmt: skip
    count = len(node.outputs)
    if sizes is not None:
        lengths = static(sizes, "the sizes")
    else:
        whole = x.dim(axis)
        if whole is None:
            raise Refusal("the size to split is not known")
        each = -(-whole // count)
        lengths = [each] * (count - 1) + [whole - each * (count - 1)]
    parts, start = [], 0
    for count in lengths:
        cut = [slice(None)] * (axis % x.known_rank) + [slice(start or None, start + count)]
        parts.append(taken(x, cut))
        start += count
    return tuple(parts)


def slice_(
    x: Value, starts: Value, ends: Value, axes: Value | None = None, steps: Value | None = None, *,
    node: Node,
) -> Expression:  # fmt: skip
    rank = x.known_rank
    declared = node.outputs[0].shape
    given = starts.elements is not None and ends.elements is not None
    if not given and declared is not None and None not in declared:
        raise Refusal("starts or ends that are data, of a result whose shape is known")
    first, last = entries(starts), entries(ends)
    positions = axes_of(axes) or list(range(len(first)))
    strides = static(steps, "steps") if steps is not None else [1] * len(first)
    parts: list[slice] = [slice(None)] * rank
    flipped: list[int] = []
    gathered: list[tuple[int, Expression]] = []
    for axis, start, end, step in zip(positions, first, last, strides, strict=True):
        axis %= rank
        if isinstance(end, Expression) and end.text == x.size(axis) and step > 0:
            end = 2**31
        part = _part(start, end, step, x.dim(axis))
        if part == "flipped":
            flipped.append(axis)
        elif isinstance(part, slice):
            parts[axis] = part
        else:
            place = Symbol("places")(start, end, step, length(x, axis))
            gathered.append((axis, place))
            continue
        if isinstance(part, slice) and isinstance(start, int) and isinstance(end, int) and step < 0:
            flipped.append(axis)
    while len(parts) > 1 and parts[-1] == slice(None):
        parts.pop()
    cut: Expression = x if all(part == slice(None) for part in parts) else taken(x, parts)
    if flipped:
        cut = ops.flip(cut, axis=flipped)
    for axis, place in gathered:
        cut = ops.take(cut, place, axis=axis)
    return ops.copy(x) if cut is x else cut


def _part(start: Any, end: Any, step: int, size: int | None) -> slice | str | None:
    """What Python's own slice can say of it, forwards; "flipped" for a whole axis turned around."""
    if isinstance(start, Expression) or isinstance(end, Expression):
        return None
    if size is None and step < 0:
        return "flipped" if step == -1 and start == -1 and end < -(2**30) else None
    if size is None:
        return slice(start or None, None if end >= 2**31 - 1 else end, None if step == 1 else step)
    whole = range(*slice(start, end, step).indices(size))
    if start >= size and step < 0:
        whole = range(*slice(size - 1, end, step).indices(size))
    if not whole:
        return slice(0, 0)
    low, high, stride = min(whole), max(whole) + 1, abs(step)
    return slice(low or None, None if high == size else high, None if stride == 1 else stride)


def pad(x: Value, pads: Value, value: Value | None = None, axes: Value | None = None, *,
        mode: str = "constant", node: Node) -> Expression:  # fmt: skip
    rank = x.known_rank
    listed = axes_of(axes)
    positions = list(range(rank)) if listed is None else [a % rank for a in listed]
    if (
        pads.elements is None
        and mode == "constant"
        and node.outputs[0].shape is not None
        and (None in node.outputs[0].shape)
    ):
        filler: Any = 0 if value is None else value
        return Symbol("padded_by")(x, pads, positions, filler)
    amounts = static(pads, "pads")
    table = [[0, 0] for _ in range(rank)]
    for index, axis in enumerate(positions):
        table[axis] = [amounts[index], amounts[index + len(positions)]]
    result: Expression = x
    if any(amount < 0 for pair in table for amount in pair):  # negative pads cut
        result = taken(x, [slice(-min(a, 0) or None, min(b, 0) or None) for a, b in table])
        table = [[max(a, 0), max(b, 0)] for a, b in table]
    if mode == "constant":
        if value is None or (value.constant is not None and not value.constant.any()):
            if "Add" in node.readers:
                # TensorFlow 2.21 takes a Pad that is added to a convolution for a part of that, and ends
                # in a fault of memory (its remapper with oneDNN).
                return Symbol("joined_to_zeros")(result, table)
            return ops.pad(result, table)
        if value.constant is None:
            return Symbol("padded_with")(result, table, value)
        return ops.pad(result, table, constant_values=value.constant.reshape(-1)[0].item())
    for axis, (before, after) in enumerate(table):
        if before or after:
            size = x.dim(axis)
            if size is None:
                raise Refusal(f"mode {mode} along a dynamic size")
            size += min(amounts[positions.index(axis)], 0)
            result = ops.take(result, _picked(mode, size, before, after), axis=axis)
    return result


def _picked(mode: str, size: int, before: int, after: int) -> list[int]:
    """Which entry stands at each place of a padded axis."""
    modes = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}
    return np.pad(np.arange(size), (before, after), mode=modes[mode]).tolist()  # type: ignore[call-overload, no-any-return]


def expand(x: Value, target: Value, *, node: Node) -> Expression:
    own = x.shape
    if own is None:
        raise Refusal("the rank is not known")
    sizes = _wanted(target, node)
    rank = max(len(own), len(sizes))
    wanted = [1] * (rank - len(sizes)) + sizes
    have = [1] * (rank - len(own)) + list(own)
    lines: list[Any] = []
    fixed = [1] * rank
    for axis, (size, old) in enumerate(zip(wanted, have, strict=True)):
        if size in (1, old) or (isinstance(size, Expression) and old is None):
            continue
        if isinstance(size, int):
            fixed[axis] = size
        else:
            lines.append((axis, line(size, _product_dtype(x))))
    result: Expression = x
    if any(size != 1 for size in fixed):
        if None in have:
            one = ops.ones(fixed, dtype=_product_dtype(x))
            result = cast(ops.multiply(_numeric(x), one), x.known_dtype)
        else:
            full = [max(a, b or 1) for a, b in zip(fixed, have, strict=True)]
            result = ops.broadcast_to(x, full)
    if lines:
        source = result if x.dtype != "bool" else cast(result, "int32")
        return Symbol("stretched")(source, rank, x.known_dtype, *lines)
    if rank > len(own) and result is x:
        for _ in range(rank - len(own)):
            result = ops.expand_dims(result, 0)
    return ops.copy(x) if result is x else result


def _product_dtype(x: Value) -> str:
    return "int32" if x.dtype == "bool" else x.known_dtype


def _numeric(x: Value) -> Any:
    return cast(x, "int32") if x.dtype == "bool" else x


def tile(x: Value, repeats: Value) -> Expression:
    return ops.tile(x, static(repeats, "repeats"))


def size_(x: Value) -> Expression:
    return cast(ops.size(x), "int64")


def constant_of_shape(target: Value, *, value: np.ndarray | None = None, node: Node) -> Expression:
    fill = np.zeros((), np.float32) if value is None else value.reshape(())
    name = fill.dtype.name
    work = "int32" if name == "bool" else name
    sizes = _wanted(target, node)
    static_part = [size if isinstance(size, int) else 1 for size in sizes]
    lines = [(a, line(size, work)) for a, size in enumerate(sizes) if not isinstance(size, int)]
    if not lines:
        return ops.full(static_part, fill.item(), dtype=name)
    full = ops.full(static_part, fill.item(), dtype=work)
    return Symbol("stretched")(full, len(sizes), name, *lines)


def range_(start: Value, limit: Value, delta: Value) -> Expression:
    parts = (start, limit, delta)
    if all(part.constant is not None for part in parts):
        first, last, step = (part.required("range").reshape(-1)[0].item() for part in parts)
        return ops.arange(first, last, step, dtype=start.known_dtype)
    sizes = [part.elements for part in parts]
    if sizes[0] == (0,) and sizes[2] == (1,) and sizes[1]:
        last = sizes[1][0]
        assert isinstance(last, Expression)
        return Symbol("positions")(line(last, start.known_dtype))
    return Symbol("arranged")(*parts, start.known_dtype)


def trilu(x: Value, k: Value | None = None, *, upper: int = 1) -> Expression:
    shift = 0 if k is None else static(k, "k")[0]
    rows, columns = x.dim(-2), x.dim(-1)
    if 0 in (rows, columns):
        return ops.copy(x)
    if rows is not None and columns is not None:
        shift = max(min(shift, columns), -rows)
    source: Any = cast(x, "int32") if x.dtype == "bool" else x
    result = (ops.triu if upper else ops.tril)(source, k=shift)
    return cast(result, "bool") if x.dtype == "bool" else result


def eye_like(x: Value, *, dtype: int | None = None, k: int = 0) -> Expression:
    name = x.known_dtype if dtype is None else ir.DataType(dtype).numpy().name
    if x.shape is None or None in x.shape:
        return Symbol("eye_like")(x, k, name)
    return ops.add(ops.zeros_like(x, dtype=name), ops.eye(*x.shape, k=k, dtype=name))
