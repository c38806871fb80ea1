"""Operators that move, cut and arrange."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.theano.lowerings.common import (
    T,
    dtype,
    integer,
    number,
    sizes,
    to,
    variable,
)

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value

_FAR = np.iinfo(np.int32).max


def reshape(x: Value, shape: Value, *, allowzero: int = 0, node: Node) -> Expression:
    known = node.outputs[0].shape
    if known is not None and None not in known:
        return T.reshape(x, list(known)) if known else T.reshape(x, [], ndim=0)
    target = sizes(shape)
    if not allowzero:
        target = [x.size(axis) if _is(size, 0) else size for axis, size in enumerate(target)]
    if all(isinstance(size, int) for size in target):
        return T.reshape(x, target)
    return T.reshape(x, target, ndim=len(target))


def flatten(x: Value, *, axis: int = 1) -> Expression:
    rank = x.known_rank
    axis = axis % rank if axis < 0 else axis
    if axis == 1 and rank > 1:
        return T.flatten(x, 2)
    parts = [x.size(i) for i in range(rank)]
    outer: Any = 1
    for size in parts[:axis]:
        outer = size if _is(outer, 1) else outer * size
    inner: Any = 1
    for size in parts[axis:]:
        inner = size if _is(inner, 1) else inner * size
    return T.reshape(x, [outer, inner], ndim=2)


def transpose(x: Value, *, perm: list[int] | None = None) -> Expression:
    order = perm if perm is not None else list(range(x.known_rank))[::-1]
    return T.transpose(x, order) if order else x


def squeeze(x: Value, axes: Value | None = None) -> Expression:
    """By index: Theano need not know that the axis has one entry."""
    shape = x.shape or ()
    given = [i for i, size in enumerate(shape) if size == 1] if axes is None else axes.ints("axes")
    dropped = {axis % x.known_rank for axis in given}
    if axes is None and None in shape:
        raise Refusal("which axes have one entry is not known")
    if not dropped:
        return x
    parts: list[Any] = [0 if axis in dropped else slice(None) for axis in range(max(dropped) + 1)]
    return x[tuple(parts)]


def unsqueeze(x: Value, axes: Value) -> Expression:
    given = axes.ints("axes")
    rank = x.known_rank + len(given)
    new = {axis % rank for axis in given}
    old = iter(range(x.known_rank))
    return variable(x).method(
        "dimshuffle", *["x" if axis in new else next(old) for axis in range(rank)]
    )


def concat(*xs: Value, axis: int) -> Expression:
    return T.concatenate(list(xs), axis=axis)


def split(
    x: Value, parts: Value | None = None, *, axis: int = 0, num_outputs: int = 0, node: Node
) -> Unpack | Expression:
    count = len(node.outputs)
    if count == 1:
        return x
    if parts is not None:
        lengths = sizes(parts, "a split")
    else:
        size = x.dim(axis)
        if size is None:
            raise Refusal("parts of a size that is not known")
        each = -(-size // count)  # the last part may be smaller
        lengths = [each] * (count - 1) + [size - each * (count - 1)]
    return Unpack(T.split(x, lengths, count, axis=axis % x.known_rank), count)


def slice_(
    x: Value, starts: Value, ends: Value, axes: Value | None = None, steps: Value | None = None
) -> Expression:
    first, last = sizes(starts, "a slice"), sizes(ends, "a slice")
    stride = [1] * len(first) if steps is None else sizes(steps, "a slice")
    where = list(range(len(first))) if axes is None else axes.ints("axes")
    rank = x.known_rank
    parts: list[Any] = [slice(None)] * rank
    for axis, start, end, step in zip(where, first, last, stride, strict=True):
        if not isinstance(step, int):
            raise Refusal("steps that are not constant")
        begin, stop = _ends(start, end, step, x.dim(axis))
        parts[axis % rank] = slice(begin, stop, None if step == 1 else step)
    while len(parts) > 1 and parts[-1] == slice(None):
        parts.pop()
    return variable(x)[tuple(parts)] if parts else x


def _ends(start: Any, end: Any, step: int, size: int | None) -> tuple[Any, Any]:
    """Begin and end as Python says them: nothing for the ends of the data."""
    if step > 0:
        whole = isinstance(end, int) and (end >= _FAR or end == size)
        return None if _is(start, 0) else start, None if whole else end
    whole = isinstance(end, int) and (end <= -_FAR or (size is not None and end < -size))
    far = isinstance(start, int) and start >= _FAR
    return None if far else start, None if whole else end


def _is(size: Any, wanted: int) -> bool:
    return isinstance(size, int) and size == wanted


def pad(
    x: Value, pads: Value, value: Value | None = None, axes: Value | None = None, *,
    mode: str = "constant",
) -> Expression:  # fmt: skip
    rank = x.known_rank
    amounts = sizes(pads, "the padding")
    where = list(range(rank)) if axes is None else [a % rank for a in axes.ints("axes")]
    table: list[tuple[Any, Any]] = [(0, 0)] * rank
    for index, axis in enumerate(where):
        table[axis] = (amounts[index], amounts[index + len(where)])
    if all(_is(amount, 0) for pair in table for amount in pair):
        return x
    if mode != "constant":
        return Symbol("pad_by_index")(x, table, mode)
    fill: Expression = number(0, x.known_dtype) if value is None else value
    return Symbol("pad")(x, table, fill)


def expand(x: Value, target: Value, *, node: Node) -> Expression:
    """The larger of both sizes along each axis."""
    wanted = sizes(target)
    result = node.outputs[0].shape
    own: list[Any] = [x.size(axis) for axis in range(x.known_rank)]
    rank = max(len(own), len(wanted))
    own = [1] * (rank - len(own)) + own
    wanted = [1] * (rank - len(wanted)) + wanted
    dims = [
        _larger(a, b, None if result is None else result[axis])
        for axis, (a, b) in enumerate(zip(own, wanted, strict=True))
    ]
    new = rank - x.known_rank
    axes = [axis - new for axis, size in enumerate(own) if _is(size, 1) and axis >= new]
    data: Expression = T.addbroadcast(variable(x), *axes) if axes else x
    return T.alloc(data, *dims)


def _larger(own: Any, wanted: Any, known: int | None) -> Any:
    if known is not None:
        return known
    if _is(own, 1):
        return wanted
    if _is(wanted, 1) or isinstance(own, int):
        return own
    if not isinstance(wanted, int) and str(own) != str(wanted):
        raise Refusal("which of two sizes is the larger is not known")
    return wanted


def tile(x: Value, repeats: Value) -> Expression:
    return T.tile(x, sizes(repeats, "repeats"), ndim=x.known_rank)


def constant_of_shape(target: Value, *, value: np.ndarray | None = None) -> Expression:
    fill = np.zeros((), np.float32) if value is None else value.reshape(())
    plain = fill.item() if fill.dtype.kind in "biu" else fill[()]
    return T.alloc(number(plain, fill.dtype.name), *sizes(target))


def range_(start: Value, limit: Value, delta: Value) -> Expression:
    bounds = [
        integer(value) if value.dtype == "int64" else value for value in (start, limit, delta)
    ]
    return T.arange(*bounds, dtype=dtype(start.known_dtype))


def trilu(x: Value, k: Value | None = None, *, upper: int = 1) -> Expression:
    shift: Any = 0 if k is None else integer(k)
    rows, columns = x.size(-2 % x.known_rank), x.size(-1 % x.known_rank)
    zero = number(0, x.known_dtype)
    if not upper:
        return T.switch(T.tri(rows, columns, shift, dtype="bool"), x, zero)
    return T.switch(T.tri(rows, columns, shift - 1, dtype="bool"), zero, x)


def eye_like(x: Value, *, dtype: int | None = None, k: int = 0, node: Node) -> Expression:
    name = node.outputs[0].dtype
    if name is None:
        raise Refusal("the dtype is not known")
    return to(T.eye(x.size(0), x.size(1), k, dtype="int8"), name)


def depth_to_space(x: Value, *, blocksize: int, mode: str = "DCR") -> Expression:
    return Symbol("depth_to_space")(x, blocksize, mode == "DCR")


def space_to_depth(x: Value, *, blocksize: int) -> Expression:
    return Symbol("space_to_depth")(x, blocksize)


def constant(*, value: np.ndarray, node: Node) -> Expression:
    """Only where a constant is itself an output; elsewhere they are weights."""
    return T.constant(Expression(f"np.array({value.tolist()!r}, {value.dtype.name!r})"))


def bit_cast(x: Value, *, to: int) -> Expression:
    raise Refusal(f"Theano does not see {x.dtype} as {ir.DataType(to)}")
