"""Reductions, sorting, and what normalises along an axis."""

from __future__ import annotations

from typing import Any

from interop.converters.torch.lowerings.common import FLOATS, F, Lowering, dtype, integer, to, torch

from interop.source.expression import Expression, Symbol
from interop.source.values import Unpack, Value


def reduction(
    function: Symbol, *, before: Symbol | None = None, after: Symbol | None = None,
    typed: bool = False, floating: bool = False,
) -> Lowering:  # fmt: skip
    """`after(function(before(x)))` over axes. `typed`: torch would widen integers unless told;
    `floating`: it has no integers, which go by way of float64."""

    def lowering(
        x: Value, axes: Value | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Expression:
        name = x.known_dtype
        integral = name not in FLOATS
        value: Expression = to(x, "float64") if floating and integral else x
        options: dict[str, Any] = {}
        if typed and integral and not floating:
            options["dtype"] = dtype(name)
        value = before(value) if before is not None else value
        known = axes.elements if axes is not None else ()
        if known is None:
            value = Symbol("reduce_over")(
                function, value, axes, bool(keepdims), bool(noop_with_empty_axes), **options
            )
        elif known or not noop_with_empty_axes:
            dims = list(known) or list(range(x.known_rank))
            if dims:
                value = function(value, dim=dims, keepdim=bool(keepdims), **options)
        value = after(value) if after is not None else value
        return to(value, name) if floating and integral else value

    return lowering


def arg(function: Symbol) -> Lowering:
    def lowering(
        x: Value, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Expression:
        if not select_last_index:
            return function(x, dim=axis, keepdim=bool(keepdims))
        found = function(torch.flip(x, [axis]), dim=axis, keepdim=bool(keepdims))
        return x.size(axis) - 1 - found

    return lowering


def softmax(x: Value, *, axis: int = -1) -> Expression:
    return F.softmax(x, dim=axis)


def log_softmax(x: Value, *, axis: int = -1) -> Expression:
    return F.log_softmax(x, dim=axis)


def hardmax(x: Value, *, axis: int = -1) -> Expression:
    place = torch.argmax(x, dim=axis, keepdim=True)
    return torch.zeros_like(x).method("scatter", axis, place, 1)


def cumulative(function: Symbol, start: int) -> Lowering:
    def lowering(x: Value, axis: Value, *, exclusive: int = 0, reverse: int = 0) -> Expression:
        along = integer(axis)
        if exclusive or reverse:
            return Symbol("cumulate")(function, x, along, bool(exclusive), bool(reverse), start)
        return function(x, along, dtype=dtype(x.known_dtype))

    return lowering


def top_k(x: Value, k: Value, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> Unpack:
    return Unpack(Symbol("top_k")(x, integer(k), axis, bool(largest)), 2)


def lp_normalization(x: Value, *, axis: int = -1, p: int = 2) -> Expression:
    return Symbol("lp_normalize")(x, axis, p)
