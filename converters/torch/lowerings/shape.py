"""Operators that move, cut and arrange."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.torch.lowerings.common import (
    FLOATS,
    F,
    dtype,
    integer,
    sizes,
    torch,
)

from interop.source.expression import Expression, Symbol
from interop.source.operands import number
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value

_FAR = np.iinfo(np.int32).max


def identity(x: Value) -> Expression:
    return x


def constant(*, value: np.ndarray, node: Node) -> Expression:
    """Only where a constant is itself an output; elsewhere they are weights."""
    return torch.tensor(value, dtype=dtype(value.dtype.name)).method("reshape", list(value.shape))


def bit_cast(x: Value, *, to: int) -> Expression:
    return x.method("view", dtype(ir.DataType(to).numpy().name))


def reshape(x: Value, shape: Value, *, allowzero: int = 0, node: Node) -> Expression:
    if shape.elements is None:
        return Symbol("reshape")(x, shape, bool(allowzero))
    target: list[Any] = list(shape.elements)
    if any(isinstance(size, int) and size == 0 for size in target):
        known = node.outputs[0].shape
        if known is not None and None not in known:
            return x.method("reshape", list(known))  # -1 beside 0 says nothing to torch
        if not allowzero:
            target = [
                x.size(axis) if isinstance(size, int) and size == 0 else size
                for axis, size in enumerate(target)
            ]
    return x.method("reshape", target)


def flatten(x: Value, *, axis: int = 1) -> Expression:
    rank = x.known_rank
    axis = axis % rank if axis < 0 else axis
    if axis == 1 and rank > 1:
        return torch.flatten(x, 1)
    shape = [x.size(i) for i in range(rank)]
    if all(isinstance(size, int) for size in shape[axis:]):
        inner = math.prod(shape[axis:])  # type: ignore[arg-type]
        outer = math.prod(shape[:axis]) if None not in x.shape[:axis] else -1  # type: ignore
        return x.method("reshape", [outer, inner])
    if all(isinstance(size, int) for size in shape[:axis]):
        return x.method("reshape", [math.prod(shape[:axis]), -1])  # type: ignore[arg-type]
    product = shape[0]
    for size in shape[1:axis]:
        product = product * size
    return x.method("reshape", [product, -1])


def transpose(x: Value, *, perm: list[int] | None = None) -> Expression:
    return x.method("permute", perm if perm is not None else list(range(x.known_rank))[::-1])


def squeeze(x: Value, axes: Value | None = None) -> Expression:
    if axes is None:
        return torch.squeeze(x)
    if axes.elements is None:
        return torch.squeeze(x, Symbol("tuple")(axes.method("tolist")))
    positions = axes.ints("axes")
    return torch.squeeze(x, positions[0] if len(positions) == 1 else tuple(positions))


def unsqueeze(x: Value, axes: Value) -> Expression:
    if axes.elements is None:
        return Symbol("unsqueeze")(x, axes)
    positions = axes.ints("axes")
    if len(positions) > 1:
        rank = x.known_rank + len(positions)
        positions = sorted(axis % rank for axis in positions)
    result: Expression = x
    for axis in positions:
        result = torch.unsqueeze(result, axis)
    return result


def concat(*xs: Value, axis: int) -> Expression:
    return torch.cat(list(xs), dim=axis)


def split(
    x: Value, parts: Value | None = None, *, axis: int = 0, num_outputs: int = 0, node: Node
) -> Unpack:
    count = len(node.outputs)
    if parts is not None:
        return Unpack(torch.split(x, sizes(parts), dim=axis), count)
    size = x.dim(axis)
    if size is None:
        return Unpack(Symbol("split_evenly")(x, count, axis), count)
    each = -(-size // count)  # the last part may be smaller
    last = size - each * (count - 1)
    call = torch.split(x, each if last == each else [each] * (count - 1) + [last], dim=axis)
    return Unpack(call, count)


def slice_(
    x: Value, starts: Value, ends: Value, axes: Value | None = None, steps: Value | None = None
) -> Expression:
    first, last = starts.elements, ends.elements
    stride = [1] * len(first or ()) if steps is None else steps.elements
    where = range(len(first or ())) if axes is None else axes.elements
    known = None not in (first, last, stride, where) and all(
        isinstance(step, int) and step > 0 for step in stride or ()
    )
    if not known or any(not isinstance(axis, int) for axis in where or ()) or x.shape is None:
        given = [value if value is not None else None for value in (starts, ends, axes, steps)]
        lists = [None if value is None else sizes(value) for value in given]
        return Symbol("slice_by")(x, *lists)
    assert first is not None
    assert last is not None
    assert stride is not None
    assert where is not None
    rank = x.known_rank
    parts = [slice(None)] * rank
    for axis, start, end, step in zip(where, first, last, stride, strict=True):
        begin = None if _is(start, 0) else start
        stop = None if isinstance(end, int) and (end >= _FAR or end == x.dim(axis)) else end  # type: ignore
        parts[axis % rank] = slice(begin, stop, None if _is(step, 1) else step)  # type: ignore
    while len(parts) > 1 and parts[-1] == slice(None):
        parts.pop()
    return x[tuple(parts)]


def _is(size: Any, wanted: int) -> bool:
    return isinstance(size, int) and size == wanted


def pad(
    x: Value, pads: Value, value: Value | None = None, axes: Value | None = None, *,
    mode: str = "constant",
) -> Expression:  # fmt: skip
    known = axes is None or axes.constant is not None
    if pads.elements is None or not known:
        fill: Any = 0 if value is None else value.method("item")
        where = None if axes is None else sizes(axes)
        return Symbol("pad_by")(x, sizes(pads), where, mode, fill)
    rank = x.known_rank
    where = [a % rank for a in axes.ints("axes")] if axes is not None else list(range(rank))
    amounts = pads.elements
    table: list[tuple[Any, Any]] = [(0, 0)] * rank
    for index, axis in enumerate(where):
        table[axis] = (amounts[index], amounts[index + len(where)])
    while table and all(_is(a, 0) for a in table[0]):
        table.pop(0)
    if not table:
        return x
    flat = [amount for pair in reversed(table) for amount in pair]
    if mode == "constant":
        fill = 0 if value is None else number(value)
        if isinstance(fill, Value):
            fill = fill.method("item")
        return F.pad(x, flat) if _is_zero(fill) else F.pad(x, flat, value=fill)
    native = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}[mode]
    fitting = len(table) <= 3 and rank in (len(table) + 1, len(table) + 2)
    positive = all(isinstance(a, int) and a >= 0 for a in flat)
    if fitting and positive and mode != "wrap" and x.known_dtype in FLOATS:
        return F.pad(x, flat, mode=native)
    return Symbol("pad_by")(x, list(amounts), where, mode, 0)


def _is_zero(fill: Any) -> bool:
    return not isinstance(fill, Expression) and fill == 0


def shape(x: Value, *, start: int = 0, end: int | None = None) -> Expression:
    """Of a tensor whose rank is not known; others are sizes."""
    dims = Expression(f"{x.text}.shape")
    return torch.tensor(dims if start == 0 and end is None else dims[start:end])


def size(x: Value) -> Expression:
    return torch.tensor(x.method("numel"))


def expand(x: Value, target: Value) -> Expression:
    wanted = target.elements
    if wanted is not None and x.shape is not None and len(x.shape) <= len(wanted):
        own = [x.size(axis) for axis in range(len(x.shape))]
        own = [1] * (len(wanted) - len(own)) + own
        pairs = list(zip(own, wanted, strict=True))
        if all(isinstance(a, int) or isinstance(b, int) for a, b in pairs):
            new = len(wanted) - len(x.shape)
            dims = [
                (1 if i < new else -1)
                if _is(b, 1)
                else (-1 if isinstance(a, int) and a != 1 else b)
                for i, (a, b) in enumerate(pairs)
            ]
            return x.method("expand", dims)
    dims = Expression(f"{x.text}.shape")
    return x.method("expand", torch.broadcast_shapes(dims, sizes(target)))


def tile(x: Value, repeats: Value) -> Expression:
    return x.method("repeat", sizes(repeats))


def constant_of_shape(target: Value, *, value: np.ndarray | None = None) -> Expression:
    fill = np.zeros((), np.float32) if value is None else value.reshape(())
    shape = sizes(target)
    return torch.full(shape, _plain(fill), dtype=dtype(fill.dtype.name))


def _plain(scalar: np.ndarray) -> Any:
    return scalar.item() if scalar.dtype.kind in "biu" else scalar[()]


def range_(start: Value, limit: Value, delta: Value) -> Expression:
    parts = [_bound(value) for value in (start, limit, delta)]
    name = start.known_dtype
    if isinstance(parts[2], int | np.generic) and parts[2] == 1:
        parts.pop()
        if isinstance(parts[0], int | np.generic) and parts[0] == 0:
            parts.pop(0)
    return torch.arange(*parts, dtype=dtype(name))


def _bound(value: Value) -> Any:
    if value.elements is not None:
        return value.elements[0]
    return number(value) if value.constant is not None else value.method("item")


def trilu(x: Value, k: Value | None = None, *, upper: int = 1) -> Expression:
    shift = 0 if k is None else integer(k)
    function = torch.triu if upper else torch.tril
    return function(x) if _is(shift, 0) else function(x, shift)


def depth_to_space(x: Value, *, blocksize: int, mode: str = "DCR") -> Expression:
    if mode == "CRD":
        return F.pixel_shuffle(x, blocksize)
    return Symbol("depth_to_space")(x, blocksize)


def space_to_depth(x: Value, *, blocksize: int) -> Expression:
    return Symbol("space_to_depth")(x, blocksize)


def eye_like(x: Value, *, dtype: int | None = None, k: int = 0, node: Node) -> Expression:
    name = node.outputs[0].dtype
    if name is None:
        raise Refusal("the dtype is not known")
    return Symbol("eye")(x.size(0), x.size(1), k, Symbol(f"torch.{name}"))
