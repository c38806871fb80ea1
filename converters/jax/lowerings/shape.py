"""Operators that move, cut and arrange."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.jax.lowerings.common import FLOATS, dtype, integer, jnp, lax, sizes

from interop.source.expression import Expression, Symbol
from interop.source.operands import number
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value

_FAR = np.iinfo(np.int32).max


def identity(x: Value) -> Expression:
    return x


def constant(*, value: np.ndarray, node: Node) -> Expression:
    """Only where a constant is itself an output; elsewhere they are weights."""
    return jnp.array(value, dtype=dtype(value.dtype.name)).method("reshape", tuple(value.shape))


def bit_cast(x: Value, *, to: int) -> Expression:
    return x.method("view", dtype(ir.DataType(to).numpy().name))


def reshape(x: Value, shape: Value, *, allowzero: int = 0, node: Node) -> Expression:
    if shape.elements is None:
        return Symbol("reshape")(x, shape, bool(allowzero))
    target: list[Any] = list(shape.elements)
    if any(_is(size, 0) for size in target):
        known = node.outputs[0].shape
        if known is not None and None not in known:
            target = list(known)  # -1 beside 0 says nothing to JAX
        elif not allowzero:
            target = [x.size(axis) if _is(size, 0) else size for axis, size in enumerate(target)]
    return x.method("reshape", *(target or [()]))


def flatten(x: Value, *, axis: int = 1) -> Expression:
    rank = x.known_rank
    axis = axis % rank if axis < 0 else axis
    shape = [x.size(i) for i in range(rank)]
    if all(isinstance(size, int) for size in shape[axis:]):
        inner = math.prod(shape[axis:])  # type: ignore[arg-type]
        outer = math.prod(shape[:axis]) if None not in x.shape[:axis] else -1  # type: ignore
        return x.method("reshape", outer, inner)
    return x.method("reshape", _product(shape[:axis]), -1)


def _product(shape: list[Any]) -> Any:
    product: Any = 1
    for size in shape:
        product = size if _is(product, 1) else product * size
    return product


def transpose(x: Value, *, perm: list[int] | None = None) -> Expression:
    order = perm if perm is not None else list(range(x.known_rank))[::-1]
    return x.method("transpose", *order) if order else x


def squeeze(x: Value, axes: Value | None = None) -> Expression:
    if axes is None:
        return jnp.squeeze(x)
    if axes.elements is None:
        return jnp.squeeze(x, Symbol("tuple")(axes.method("tolist")))
    positions = axes.ints("axes")
    if not positions:
        return x
    return jnp.squeeze(x, positions[0] if len(positions) == 1 else tuple(positions))


def unsqueeze(x: Value, axes: Value) -> Expression:
    if axes.elements is None:
        return jnp.expand_dims(x, Symbol("tuple")(axes.method("reshape", -1).method("tolist")))
    positions = axes.ints("axes")
    return jnp.expand_dims(x, positions[0] if len(positions) == 1 else tuple(positions))


def concat(*xs: Value, axis: int) -> Expression:
    return jnp.concatenate(list(xs), axis=axis)


def split(
    x: Value, parts: Value | None = None, *, axis: int = 0, num_outputs: int = 0, node: Node
) -> Unpack:
    count = len(node.outputs)
    if parts is not None and parts.elements is None:
        return Unpack(Symbol("split")(x, sizes(parts), axis), count)
    if parts is None:
        size = x.dim(axis)
        if size is None:
            return Unpack(Symbol("split_evenly")(x, count, axis), count)
        each = -(-size // count)  # the last part may be smaller
        lengths: list[Any] = [each] * (count - 1) + [size - each * (count - 1)]
    else:
        lengths = list(parts.elements or ())
    if any(not isinstance(length, int) for length in lengths):
        return Unpack(Symbol("split")(x, lengths, axis), count)
    if len(set(lengths)) == 1:
        return Unpack(jnp.split(x, count, axis=axis), count)
    ends = [sum(lengths[: i + 1]) for i in range(count - 1)]
    return Unpack(jnp.split(x, ends, axis=axis), count)


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
        given = (starts, ends, axes, steps)
        return Symbol("slice_by")(x, *[None if v is None else sizes(v) for v in given])
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


_MODES = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}


def pad(
    x: Value, pads: Value, value: Value | None = None, axes: Value | None = None, *,
    mode: str = "constant",
) -> Expression:  # fmt: skip
    known = axes is None or axes.constant is not None
    fill: Any = 0 if value is None else number(value)
    if pads.elements is None or not known:
        where = None if axes is None else sizes(axes)
        return Symbol("pad_by")(x, sizes(pads), where, mode, fill)
    rank = x.known_rank
    where = [a % rank for a in axes.ints("axes")] if axes is not None else list(range(rank))
    amounts = pads.elements
    if any(isinstance(amount, int) and amount < 0 for amount in amounts):
        return Symbol("pad_by")(x, list(amounts), where, mode, fill)
    table: list[tuple[Any, Any]] = [(0, 0)] * rank
    for index, axis in enumerate(where):
        table[axis] = (amounts[index], amounts[index + len(where)])
    if all(_is(a, 0) for pair in table for a in pair):
        return x
    if mode != "constant":
        return jnp.pad(x, table, mode=_MODES[mode])
    zero = not isinstance(fill, Expression) and fill == 0
    return jnp.pad(x, table) if zero else jnp.pad(x, table, constant_values=fill)


def shape(x: Value, *, start: int = 0, end: int | None = None) -> Expression:
    """Of an array whose rank is not known; others are sizes."""
    dims = Expression(f"{x.text}.shape")
    cut = dims if start == 0 and end is None else dims[start:end]
    return jnp.array(cut, dtype=dtype("int64"))


def size(x: Value) -> Expression:
    return jnp.array(Expression(f"{x.text}.size"), dtype=dtype("int64"))


def expand(x: Value, target: Value) -> Expression:
    wanted = target.elements
    if wanted is not None and x.shape is not None and len(x.shape) <= len(wanted):
        own = [x.size(axis) for axis in range(len(x.shape))]
        own = [1] * (len(wanted) - len(own)) + own
        pairs = list(zip(own, wanted, strict=True))
        if all(isinstance(a, int) or isinstance(b, int) for a, b in pairs):
            dims = [a if _is(b, 1) or (isinstance(a, int) and a != 1) else b for a, b in pairs]
            return jnp.broadcast_to(x, tuple(dims))
    return Symbol("expand")(x, sizes(target))


def tile(x: Value, repeats: Value) -> Expression:
    return jnp.tile(x, sizes(repeats))


def constant_of_shape(target: Value, *, value: np.ndarray | None = None) -> Expression:
    fill = np.zeros((), np.float32) if value is None else value.reshape(())
    plain = fill.item() if fill.dtype.kind in "biu" else fill[()]
    filled = jnp.full(sizes(target), plain, dtype=dtype(fill.dtype.name))
    if fill.dtype.name not in FLOATS or target.dim(0) in (0, 1):
        return filled
    # XLA for CPUs (of JAX 0.10.2) computes a product by one repeated number, summed, from memory that
    # nobody wrote; behind a barrier it does not see that the numbers are one.
    return lax.optimization_barrier(filled)


def range_(start: Value, limit: Value, delta: Value) -> Expression:
    parts = [_bound(value) for value in (start, limit, delta)]
    if isinstance(parts[2], int | np.generic) and parts[2] == 1:
        parts.pop()
        if isinstance(parts[0], int | np.generic) and parts[0] == 0:
            parts.pop(0)
    return jnp.arange(*parts, dtype=dtype(start.known_dtype))


def _bound(value: Value) -> Any:
    if value.elements is not None:
        return value.elements[0]
    return number(value) if value.constant is not None else value.method("item")


def trilu(x: Value, k: Value | None = None, *, upper: int = 1) -> Expression:
    shift = 0 if k is None else integer(k)
    function = jnp.triu if upper else jnp.tril
    return function(x) if _is(shift, 0) else function(x, shift)


def depth_to_space(x: Value, *, blocksize: int, mode: str = "DCR") -> Expression:
    return Symbol("depth_to_space")(x, blocksize, mode == "DCR")


def space_to_depth(x: Value, *, blocksize: int) -> Expression:
    return Symbol("space_to_depth")(x, blocksize)


def eye_like(x: Value, *, dtype: int | None = None, k: int = 0, node: Node) -> Expression:
    name = node.outputs[0].dtype
    if name is None:
        raise Refusal("the dtype is not known")
    kind = Symbol("jnp.bool_" if name == "bool" else f"jnp.{name}")
    return jnp.eye(x.size(0), x.size(1), k, dtype=kind)
