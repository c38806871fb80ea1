"""Operators that move, cut and arrange. Dynamic sizes come as `x.shape[axis]`, not as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.keras.lowerings.common import (
    axes_of,
    call,
    cast,
    dynamic,
    layers,
    ops,
    static,
)

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value


def identity(x: Value) -> Expression:
    return ops.copy(x)


def dropout(x: Value, ratio: Value | None = None, training: Value | None = None, *,
            seed: int = 0) -> Any:  # fmt: skip
    if training is not None and (training.constant is None or training.constant.any()):
        raise Refusal("training mode is not covered")
    return ops.copy(x), ops.ones_like(x, dtype="bool")


def reshape(x: Value, shape: Value, *, allowzero: int = 0, batch_kept: int = 0) -> Expression:
    """batch_kept: the first axis stays what it is, as the importer read off its symbol."""
    if shape.elements is None:
        raise Refusal(f"the shape ('{shape.name}') depends on data")
    target: list[Any] = list(shape.elements)
    if not allowzero:
        target = [x.size(a) if size == 0 else size for a, size in enumerate(target)]
    free = [not isinstance(size, int) or size == -1 for size in target]
    sizes = [-1 if one else size for one, size in zip(free, target, strict=True)]
    if batch_kept and len(sizes) > 1 and sum(free[1:]) <= 1:
        return call(layers.Reshape(tuple(sizes[1:]), dtype=x.dtype), x)
    if sum(free) > 1:
        for size in target:
            dynamic(size)
        raise Refusal("more than one dynamic size beside the batch")
    return ops.reshape(x, sizes)


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
        result = ops.squeeze(result, axis=axis)
    return result


def unsqueeze(x: Value, axes: Value) -> Expression:
    positions = axes_of(axes) or []
    rank = x.known_rank + len(positions)
    result: Expression = x
    for axis in sorted(axis % rank for axis in positions):
        result = ops.expand_dims(result, axis)
    return result


def concat(*xs: Value, axis: int) -> Expression:
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
    for length in lengths:
        cut = [slice(None)] * (axis % x.known_rank) + [slice(start or None, start + length)]
        parts.append(taken(x, cut))
        start += length
    return tuple(parts)


def slice_(
    x: Value, starts: Value, ends: Value, axes: Value | None = None, steps: Value | None = None
) -> Expression:
    rank = x.known_rank
    first = static(starts, "starts")
    last = ends.elements
    if last is None:
        raise Refusal(f"ends ('{ends.name}') depend on data")
    positions = axes_of(axes) or list(range(len(first)))
    strides = static(steps, "steps") if steps is not None else [1] * len(first)
    parts: list[slice] = [slice(None)] * rank
    flipped: list[int] = []
    for axis, start, end, step in zip(positions, first, last, strides, strict=True):
        axis %= rank
        size = x.dim(axis)
        stop: int | None
        if isinstance(end, int):
            stop = end
        else:
            found = dynamic(end)
            if size is not None or found is None or step < 0:
                raise Refusal("an end at a dynamic size")
            stop = None  # the same dynamic dimension, to its end
        if step < 0:
            if size is None:
                if step == -1 and start == -1 and stop is not None and stop < -(2**30):
                    flipped.append(axis)
                    continue
                raise Refusal("a negative step along a dynamic size")
            begin = min(start + size if start < 0 else start, size - 1)
            assert stop is not None
            finish = max(stop + size if stop < 0 else stop, -1)
            count = max(0, -(-(begin - finish) // -step))
            if count == 0:
                parts[axis] = slice(0, 0)
                continue
            lowest = begin + (count - 1) * step
            parts[axis] = slice(lowest or None, begin + 1, None if step == -1 else -step)
            flipped.append(axis)
            continue
        if size is not None and stop is not None:
            start = max(start + size, 0) if start < 0 else min(start, size)
            stop = max(stop + size, 0) if stop < 0 else min(stop, size)
            stop = max(stop, start)
            stop = None if stop == size else stop
        elif stop is not None and stop >= 2**31 - 1:
            stop = None
        parts[axis] = slice(start or None, stop, None if step == 1 else step)
    while len(parts) > 1 and parts[-1] == slice(None):
        parts.pop()
    cut: Expression = x if all(part == slice(None) for part in parts) else taken(x, parts)
    if flipped:
        return ops.flip(cut, axis=flipped)
    return ops.copy(x) if cut is x else cut


def taken(x: Expression, parts: list[slice]) -> Expression:
    """`x[…]`; a KerasTensor takes no single slice, only several, or one and an ellipsis."""
    return x[(*parts, ...)] if len(parts) == 1 else x[tuple(parts)]


def pad(x: Value, pads: Value, value: Value | None = None, axes: Value | None = None, *,
        mode: str = "constant") -> Expression:  # fmt: skip
    rank = x.known_rank
    listed = axes_of(axes)
    positions = list(range(rank)) if listed is None else [a % rank for a in listed]
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
            return ops.pad(result, table)
        if value.constant is None:
            raise Refusal("a filler that depends on data")
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


def shape(x: Value, *, start: int = 0, end: int | None = None) -> Expression:
    raise Refusal("dynamic sizes as a tensor")


def expand(x: Value, target: Value) -> Expression:
    if target.elements is None:
        raise Refusal(f"the shape ('{target.name}') depends on data")
    own = x.shape
    if own is None:
        raise Refusal("the rank is not known")
    sizes = list(target.elements)
    rank = max(len(own), len(sizes))
    wanted = [1] * (rank - len(sizes)) + sizes
    have = [1] * (rank - len(own)) + list(own)
    lines: list[Any] = []
    fixed = [1] * rank
    for axis, (size, old) in enumerate(zip(wanted, have, strict=True)):
        if size in (1, old) or (isinstance(size, Expression) and old is None):
            continue
        found = dynamic(size)
        if found is None:
            assert isinstance(size, int)
            if old is None:
                raise Refusal("a dynamic size stretched to a fixed one")
            fixed[axis] = size
        else:
            source, place = found
            lines.append((axis, Symbol("ones_along")(source, place, _product_dtype(x))))
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


def constant_of_shape(target: Value, *, value: np.ndarray | None = None) -> Expression:
    fill = np.zeros((), np.float32) if value is None else value.reshape(())
    if target.elements is None:
        raise Refusal(f"the shape ('{target.name}') depends on data")
    name = fill.dtype.name
    work = "int32" if name == "bool" else name
    sizes = list(target.elements)
    static_part = [size if isinstance(size, int) else 1 for size in sizes]
    lines = []
    for axis, size in enumerate(sizes):
        found = dynamic(size)
        if found is not None:
            lines.append((axis, Symbol("ones_along")(found[0], found[1], work)))
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
        found = dynamic(sizes[1][0])
        if found is not None:
            return Symbol("positions_along")(found[0], found[1], start.known_dtype)
    raise Refusal("its length depends on data")


def trilu(x: Value, k: Value | None = None, *, upper: int = 1) -> Expression:
    shift = 0 if k is None else static(k, "k")[0]
    source: Any = cast(x, "int32") if x.dtype == "bool" else x
    result = (ops.triu if upper else ops.tril)(source, k=shift)
    return cast(result, "bool") if x.dtype == "bool" else result


def eye_like(x: Value, *, dtype: int | None = None, k: int = 0) -> Expression:
    name = x.known_dtype if dtype is None else ir.DataType(dtype).numpy().name
    if x.shape is None or None in x.shape:
        raise Refusal("dynamic sizes")
    return ops.add(ops.zeros_like(x, dtype=name), ops.eye(*x.shape, k=k, dtype=name))
