"""What lowerings share: MXNet's names, dtypes, and calls of operators older than its NumPy ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value

mx = Symbol("mx")
mnp = Symbol("np")  # mxnet.symbol.numpy
npx = Symbol("npx")  # mxnet.symbol.numpy_extension

Lowering = Callable[..., Any]

FLOATS = frozenset({"float16", "float32", "float64"})

#: What MXNet 1.9 stores and computes in.
DTYPES = FLOATS | {"bool", "int8", "uint8", "int32", "int64"}


def dtype(name: str) -> str:
    """MXNet's name for a NumPy dtype name; a Refusal where it has none."""
    if name not in DTYPES:
        raise Refusal(f"MXNet has no {name}")
    return name


def to(x: Expression, name: str) -> Expression:
    """`x` in another dtype."""
    return x.method("astype", dtype(name))


def legacy(name: str, *xs: Expression, **options: Any) -> Expression:
    """An operator that only the older interface, `mx.sym`, has."""
    call = Symbol(f"mx.sym.{name}")(*[x.method("as_nd_ndarray") for x in xs], **options)
    return call.method("as_np_ndarray")


def sizes(value: Value, what: str) -> list[int]:
    """A constant vector of integers; a Refusal where it is none, as symbols know no other sizes."""
    return value.ints(what)


def supported(lowering: Lowering) -> Lowering:
    """The lowering, for the dtypes that MXNet has."""

    @wraps(lowering)
    def checked(*inputs: Value | None, **keywords: Any) -> Any:
        for value in inputs:
            if value is not None and value.dtype is not None:
                dtype(value.dtype)
        return lowering(*inputs, **keywords)

    return checked


def unary(function: Symbol) -> Lowering:
    """The operator is this function of one array."""

    def lowering(x: Value) -> Expression:
        return function(x)

    return lowering


def in_float32(function: Symbol) -> Lowering:
    """The same, in float32 where the dtype is narrower, as MXNet's own kernel would lose digits."""

    def lowering(x: Value) -> Expression:
        if x.known_dtype == "float16":
            return to(function(to(x, "float32")), "float16")
        return function(x)

    return lowering
