"""What lowerings share: JAX's names, dtypes, and integers known when the model is traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interop.source.expression import Expression, Symbol
from interop.source.values import Value

jax = Symbol("jax")
jnp = Symbol("jnp")
lax = Symbol("lax")

Lowering = Callable[..., Any]

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
FLOATS8 = frozenset(f"float8_{kind}" for kind in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz"))

#: Below eight bits, of which JAX computes nothing but casts. safetensors knows none of them.
SMALL = {
    "int4": "int8",
    "uint4": "uint8",
    "int2": "int8",
    "uint2": "uint8",
    "float4_e2m1fn": "float16",
}


def dtype(name: str) -> Expression:
    """JAX's name for a NumPy dtype name."""
    return Symbol("jnp.bool_" if name == "bool" else f"jnp.{name}")


def to(x: Expression, name: str) -> Expression:
    """`x` in another dtype."""
    return x.method("astype", dtype(name))


def sizes(value: Value) -> Any:
    """A vector of integers as JAX takes it: a list, read from the array if need be."""
    return list(value.elements) if value.elements is not None else value.method("tolist")


def integer(value: Value) -> Any:
    """A scalar (or a single entry) as a Python integer."""
    return value.elements[0] if value.elements else value.method("item")


def unary(function: Expression) -> Lowering:
    """The operator is this function of one array."""

    def lowering(x: Value) -> Expression:
        return function(x)  # type: ignore[operator]

    return lowering


def binary(function: Expression) -> Lowering:
    """The operator is this function of two arrays."""

    def lowering(a: Value, b: Value) -> Expression:
        return function(a, b)  # type: ignore[operator]

    return lowering


def floating(function: Expression) -> Lowering:
    """The same, where the function knows no integers."""

    def lowering(x: Value) -> Expression:
        if x.known_dtype in FLOATS:
            return function(x)  # type: ignore[operator]
        return to(function(to(x, "float32")), x.known_dtype)  # type: ignore[operator]

    return lowering
