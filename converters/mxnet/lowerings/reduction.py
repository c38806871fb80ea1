"""Reductions, sorting, and what normalises along an axis."""

from __future__ import annotations

from typing import Any

from interop.converters.mxnet.lowerings.common import FLOATS, Lowering, mnp, npx, to

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value


def reduction(
    function: Symbol, *, before: Symbol | None = None, after: Symbol | None = None,
    typed: bool = False, floating: bool = False,
) -> Lowering:  # fmt: skip
    """`after(function(before(x)))` over axes. `typed`: MXNet would widen integers unless told;
    `floating`: it has no integers, which go by way of float64."""

    def lowering(
        x: Value, axes: Value | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0,
        node: Node,
    ) -> Expression:  # fmt: skip
        name = x.known_dtype
        narrow = name not in FLOATS if floating or name == "bool" else name == "float16"
        wide = "int32" if name == "bool" else "float32" if name == "float16" else "float64"
        value: Expression = to(x, wide) if narrow else x
        value = before(value) if before is not None else value
        known = () if axes is None else _axes(x, axes, bool(keepdims), node)
        if (known or not noop_with_empty_axes) and x.shape != ():
            if x.shape is not None and 0 in x.shape and function.text in ("np.max", "np.min"):
                raise Refusal("MXNet has no extreme of nothing")
            options: dict[str, Any] = {}
            if typed and not narrow and name not in FLOATS:
                options["dtype"] = name
            if keepdims:
                options["keepdims"] = True
            over = None if not known else known[0] if len(known) == 1 else tuple(known)
            value = function(value, axis=over, **options)
        value = after(value) if after is not None else value
        return to(value, name) if narrow else value

    return lowering


def _axes(x: Value, axes: Value, keepdims: bool, node: Node) -> tuple[int, ...]:
    """The axes; where they are not constant, those that the result's known shape leaves open."""
    if axes.constant is not None:
        return tuple(axis % x.known_rank for axis in axes.ints("axes"))
    result = node.outputs[0].shape
    if axes.shape == (0,):
        return ()
    if keepdims and result is not None and None not in result and x.shape is not None:
        pairs = list(zip(x.shape, result, strict=True))
        if all(size is not None for size, _ in pairs):
            # One that was 1 already may or may not be meant; it changes nothing.
            found = tuple(axis for axis, (size, left) in enumerate(pairs) if size != left)
            if found:
                return found
    if result == () or axes.shape == (x.known_rank,):
        return tuple(range(x.known_rank))
    if not keepdims and result is not None and x.shape is not None and axes.dim(0) is not None:
        return _left_out(x.shape, result)
    raise Refusal(f"axes ('{axes.name}') must be constant")


def _left_out(before: tuple[int | None, ...], after: tuple[int | None, ...]) -> tuple[int, ...]:
    """The axes of `before` that are not in `after`, where only one choice fits."""
    from itertools import combinations

    ways = [
        kept
        for kept in combinations(range(len(before)), len(after))
        if tuple(before[axis] for axis in kept) == after
    ]
    if len(ways) != 1 or None in before:
        raise Refusal("axes must be constant")
    return tuple(axis for axis in range(len(before)) if axis not in ways[0])


def log_sum_exp(
    x: Value, axes: Value | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0,
    node: Node,
) -> Expression:  # fmt: skip
    name = x.known_dtype
    known = () if axes is None else _axes(x, axes, bool(keepdims), node)
    if not known and noop_with_empty_axes:
        return x
    if x.shape == ():
        return x
    if x.shape is not None and 0 in x.shape:
        raise Refusal("MXNet has no extreme of nothing")
    over = known[0] if len(known) == 1 else known or None
    wide: Expression = x if name in ("float32", "float64") else to(x, "float64")
    call = Symbol("log_sum_exp")(wide, over, bool(keepdims))
    return call if wide is x else to(call, name)


def arg(function: Symbol) -> Lowering:
    def lowering(
        x: Value, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Expression:
        def kept(found: Expression) -> Expression:
            return mnp.expand_dims(found, axis % x.known_rank) if keepdims else found

        if not select_last_index:
            return to(kept(function(x, axis=axis)), "int64")
        size = x.dim(axis)
        if size is None:
            raise Refusal("the last index needs a known size")
        found = function(mnp.flip(x, axis=axis % x.known_rank), axis=axis)
        return (to(kept(found), "int64") - (size - 1)) * -1  # a number first would make it float64

    return lowering


def softmax(x: Value, *, axis: int = -1) -> Expression:
    return _along(npx.softmax, x, axis)


def log_softmax(x: Value, *, axis: int = -1) -> Expression:
    return _along(npx.log_softmax, x, axis)


def _along(function: Symbol, x: Value, axis: int) -> Expression:
    """MXNet would round the exponentials of narrow dtypes before it adds them up."""
    if x.known_dtype == "float16":
        return to(function(to(x, "float32"), axis=axis), "float16")
    return function(x, axis=axis)


def hardmax(x: Value, *, axis: int = -1) -> Expression:
    size = x.dim(axis)
    if size is None:
        raise Refusal("Hardmax needs a known size")
    hot = npx.one_hot(mnp.argmax(x, axis=axis), size, dtype=x.known_dtype)
    last = axis % x.known_rank == x.known_rank - 1
    return hot if last else mnp.moveaxis(hot, -1, axis)


def cum_sum(x: Value, axis: Value, *, exclusive: int = 0, reverse: int = 0) -> Expression:
    rank = x.known_rank
    if axis.constant is None and rank != 1:
        raise Refusal(f"axis ('{axis.name}') must be constant")
    along = axis.ints("axis")[0] % rank if axis.constant is not None else 0
    if exclusive or reverse:
        return Symbol("cum_sum")(x, along, bool(exclusive), bool(reverse), x.known_dtype)
    return mnp.cumsum(x, axis=along, dtype=x.known_dtype)


def top_k(
    x: Value, k: Value, *, axis: int = -1, largest: int = 1, sorted: int = 1, node: Node
) -> Unpack:
    shape = node.outputs[0].shape
    count = k.ints("k")[0] if k.constant is not None else None if shape is None else shape[axis]
    if count is None:
        raise Refusal(f"k ('{k.name}') must be constant")
    return Unpack(Symbol("top_k")(x, count, axis, bool(largest)), 2)


def lp_normalization(x: Value, *, axis: int = -1, p: int = 2) -> Expression:
    return Symbol("lp_normalize")(x, axis, p)
