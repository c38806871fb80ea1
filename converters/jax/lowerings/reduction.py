"""Reductions, sorting, and what normalises along an axis."""

from __future__ import annotations

from typing import Any

from interop.converters.jax.lowerings.common import FLOATS, Lowering, dtype, integer, jax, jnp, to

from interop.source.expression import Expression, Symbol
from interop.source.values import Unpack, Value


def reduction(
    function: Expression, *, before: Symbol | None = None, after: Symbol | None = None,
    typed: bool = False, floating: bool = False, empty: str | None = None,
) -> Lowering:  # fmt: skip
    """`after(function(before(x)))` over axes. `typed`: JAX would widen integers unless told;
    `floating`: it has no integers, which go by way of float64; `empty`: which end of the dtype's
    range stands for the reduction of nothing, where JAX has no answer."""

    def lowering(
        x: Value, axes: Value | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Expression:
        name = x.known_dtype
        integral = name not in FLOATS
        value: Expression = to(x, "float64") if floating and integral else x
        options: dict[str, Any] = {}
        if typed and integral and not floating:
            options["dtype"] = dtype(name)
        if empty is not None and (x.shape is None or 0 in x.shape):
            options["initial"] = Symbol(empty)(dtype(name))
        value = before(value) if before is not None else value
        known = axes.elements if axes is not None else ()
        if known is None:
            value = Symbol("reduce_over")(
                function, value, axes, bool(keepdims), bool(noop_with_empty_axes), **options
            )
        elif known or not noop_with_empty_axes:
            dims: Any = tuple(known) or None
            if x.shape != ():
                if dims is not None and len(dims) == 1:
                    dims = dims[0]
                if keepdims:
                    options["keepdims"] = True
                value = function(value, axis=dims, **options)  # type: ignore[operator]
        value = after(value) if after is not None else value
        return to(value, name) if floating and integral else value

    return lowering


def arg(function: Symbol) -> Lowering:
    def lowering(
        x: Value, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Expression:
        options = {"keepdims": True} if keepdims else {}
        if not select_last_index:
            return to(function(x, axis=axis, **options), "int64")
        found = function(jnp.flip(x, axis), axis=axis, **options)
        return to(x.size(axis) - 1 - found, "int64")

    return lowering


def softmax(x: Value, *, axis: int = -1) -> Expression:
    return _along(jax.nn.softmax, x, axis)


def log_softmax(x: Value, *, axis: int = -1) -> Expression:
    return _along(jax.nn.log_softmax, x, axis)


def _along(function: Symbol, x: Value, axis: int) -> Expression:
    """JAX would round the exponentials of narrow dtypes before it adds them up."""
    narrow = x.known_dtype in ("float16", "bfloat16")
    wide: Expression = to(x, "float32") if narrow else x
    result = function(wide) if axis == -1 else function(wide, axis=axis)
    return to(result, x.known_dtype) if narrow else result


def hardmax(x: Value, *, axis: int = -1) -> Expression:
    return jax.nn.one_hot(
        jnp.argmax(x, axis=axis), x.size(axis), dtype=dtype(x.known_dtype), axis=axis
    )


def cumulative(function: Symbol, start: int) -> Lowering:
    def lowering(x: Value, axis: Value, *, exclusive: int = 0, reverse: int = 0) -> Expression:
        along = integer(axis)
        if exclusive or reverse:
            return Symbol("cumulate")(function, x, along, bool(exclusive), bool(reverse), start)
        return function(x, axis=along, dtype=dtype(x.known_dtype))

    return lowering


def top_k(x: Value, k: Value, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> Unpack:
    return Unpack(Symbol("top_k")(x, integer(k), axis, bool(largest)), 2)


def lp_normalization(x: Value, *, axis: int = -1, p: int = 2) -> Expression:
    return Symbol("lp_normalize")(x, axis, p)


def unique(x: Value, *, axis: int | None = None, sorted: int = 1) -> Unpack:
    return Unpack(Symbol("unique")(x, axis, bool(sorted)), 4)
