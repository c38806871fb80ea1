"""Reductions, sorting, products of matrices, and what normalises along an axis."""

from __future__ import annotations

from typing import Any

from interop.converters.theano.lowerings.common import FLOATS, Lowering, T, integer, number, to

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Unpack, Value


def reduction(
    function: Symbol, *, before: Symbol | None = None, after: Symbol | None = None,
    typed: bool = False, floating: bool = False,
) -> Lowering:  # fmt: skip
    """`after(function(before(x)))` over axes. `typed`: Theano would widen integers unless told;
    `floating`: integers go by way of float64."""

    def lowering(
        x: Value, axes: Value | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Expression:
        name = x.known_dtype
        wide = "int8" if name == "bool" else "float64" if floating and name not in FLOATS else name
        value: Expression = x if wide == name else to(x, wide)
        value = before(value) if before is not None else value
        known = [] if axes is None else [axis % x.known_rank for axis in axes.ints("axes")]
        if (known or not noop_with_empty_axes) and x.shape != ():
            if x.shape is not None and 0 in x.shape and not typed:
                raise Refusal("Theano has no extreme or mean of nothing")
            options: dict[str, Any] = {"axis": known or list(range(x.known_rank))}
            if typed and wide not in FLOATS:
                options["dtype"] = wide
            if keepdims:
                options["keepdims"] = True
            value = function(value, **options)
        value = after(value) if after is not None else value
        return value if wide == name else to(value, name)

    return lowering


def log_sum_exp(
    x: Value, axes: Value | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Expression:
    known = [] if axes is None else [axis % x.known_rank for axis in axes.ints("axes")]
    if x.shape == () or (not known and noop_with_empty_axes):
        return x
    if x.shape is not None and 0 in x.shape:
        raise Refusal("Theano has no extreme of nothing")
    over = known or list(range(x.known_rank))
    wide: Expression = x if x.known_dtype in ("float32", "float64") else to(x, "float64")
    call = Symbol("log_sum_exp")(wide, over, bool(keepdims))
    return call if wide is x else to(call, x.known_dtype)


def arg(function: Symbol) -> Lowering:
    def lowering(
        x: Value, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Expression:
        rank = x.known_rank
        along = axis % rank
        options = {"axis": along, **({"keepdims": True} if keepdims else {})}
        if not select_last_index:
            return function(x, **options)
        back = [slice(None)] * along + [slice(None, None, -1)]
        return x.size(along) - 1 - function(x[tuple(back)], **options)

    return lowering


def softmax(x: Value, *, axis: int = -1) -> Expression:
    return _along("softmax", T.nnet.softmax, x, axis)


def log_softmax(x: Value, *, axis: int = -1) -> Expression:
    return _along("log_softmax", T.nnet.logsoftmax, x, axis)


def _along(name: str, function: Symbol, x: Value, axis: int) -> Expression:
    """Theano's own is of matrices, by rows."""
    rank = x.known_rank
    if rank == 2 and axis % rank == 1 and x.known_dtype in ("float32", "float64"):
        return function(x)
    if x.known_dtype == "float16":
        return to(Symbol(name)(to(x, "float32"), axis % rank), "float16")
    return Symbol(name)(x, axis % rank)


def hardmax(x: Value, *, axis: int = -1) -> Expression:
    along = axis % x.known_rank
    places = T.arange(x.size(along)).method(
        "dimshuffle", *[0 if i == along else "x" for i in range(x.known_rank)]
    )
    return to(T.eq(places, T.argmax(x, axis=along, keepdims=True)), x.known_dtype)


def cumulative(function: Symbol, start: int) -> Lowering:
    def lowering(x: Value, axis: Value, *, exclusive: int = 0, reverse: int = 0) -> Expression:
        along = axis.ints("axis")[0] % x.known_rank
        name = x.known_dtype
        wide = name if name in FLOATS else "int64"  # Theano's are of it, whatever they say
        value: Expression = x if name == wide else to(x, wide)
        if exclusive or reverse:
            first = number(start, wide)
            value = Symbol("cumulate")(
                function, value, along, bool(exclusive), bool(reverse), first
            )
        else:
            value = function(value, axis=along)
        return value if name == wide else to(value, name)

    return lowering


def top_k(x: Value, k: Value, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> Unpack:
    call = Symbol("top_k")(x, integer(k), axis % x.known_rank, bool(largest))
    return Unpack(call, 2)


def lp_normalization(x: Value, *, axis: int = -1, p: int = 2) -> Expression:
    return Symbol("lp_normalize")(x, axis % x.known_rank, p)


def matmul(a: Value, b: Value) -> Expression:
    return _product(a, b, a.known_rank, b.known_rank, a.known_dtype)


def _product(a: Expression, b: Expression, rank_a: int, rank_b: int, name: str) -> Expression:
    if name == "float16":
        return to(_product(to(a, "float32"), to(b, "float32"), rank_a, rank_b, "float32"), name)
    if min(rank_a, rank_b) >= 1 and max(rank_a, rank_b) <= 2:
        return T.dot(a, b)
    if rank_b <= 2:
        return T.tensordot(a, b, [[rank_a - 1], [max(rank_b - 2, 0)]])
    return Symbol("matmul")(a, b)


def gemm(
    a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Expression:  # fmt: skip
    name = a.known_dtype
    left: Expression = T.transpose(a) if transA else a
    right: Expression = T.transpose(b) if transB else b
    product = _product(left, right, 2, 2, name)
    if alpha != 1:
        product = number(alpha if name in FLOATS else int(alpha), name) * product
    if c is None:
        return product
    rank = c.known_rank
    laid: Expression = c
    if c.constant is None and rank and 1 in (c.shape or ()):
        laid = T.addbroadcast(c, *[i for i, size in enumerate(c.shape or ()) if size == 1])
    return product + (
        laid if beta == 1 else number(beta if name in FLOATS else int(beta), name) * laid
    )


def einsum(*inputs: Value, equation: str) -> Expression:
    text = equation.replace(" ", "")
    if "." in text:
        raise Refusal("an equation with dots")
    terms, arrow, result = text.partition("->")
    operands = terms.split(",")
    if any(len(set(term)) < len(term) for term in operands):
        raise Refusal("a diagonal in an equation")
    if not arrow:
        result = "".join(
            sorted(letter for letter in set(terms) - {","} if terms.count(letter) == 1)
        )
    return Symbol("einsum")(operands, result, list(inputs))


def det(x: Value) -> Expression:
    if x.known_rank != 2:
        raise Refusal("determinants of several matrices")
    return T.nlinalg.det(x)
