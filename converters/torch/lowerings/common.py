"""What lowerings share: torch's name, dtypes, numbers and sizes as expressions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Unpack, Value

torch = Symbol("torch")
F = Symbol("F")  # torch.nn.functional

Lowering = Callable[..., Any]

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})

#: Eight bits, as torch stores them; it casts them, and computes nothing in them.
FLOATS8 = frozenset(f"float8_{kind}" for kind in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz"))

#: torch stores these, and has next to no kernels for them: they are computed in int64.
STORED_ONLY = frozenset({"uint16", "uint32", "uint64"})


def dtype(name: str) -> Expression:
    """torch's name for a NumPy dtype name."""
    return Symbol(f"torch.{name}")


def to(x: Expression, name: str) -> Expression:
    """`x` in another dtype."""
    return x.method("to", dtype(name))


def sizes(value: Value) -> Any:
    """A vector of integers as torch's functions take it: a list, read from the tensor if need be."""
    return list(value.elements) if value.elements is not None else value.method("tolist")


def integer(value: Value) -> Any:
    """A scalar (or a single entry) as a Python integer."""
    return value.elements[0] if value.elements else value.method("item")


def same_or_list(values: Sequence[Any]) -> Any:
    """`[2, 2]` as `2`, which torch's windows take for every axis."""
    first = values[0]
    whole = all(isinstance(value, int) for value in values)
    return first if whole and len(set(values)) == 1 else list(values)


def unary(function: Expression) -> Lowering:
    """The operator is this function of one tensor."""

    def lowering(x: Value) -> Expression:
        return function(x)  # type: ignore[operator]

    return lowering


def widened(lowering: Lowering) -> Lowering:
    """The lowering with inputs of STORED_ONLY dtypes computed in int64, and results cast back."""
    signature = inspect.signature(lowering)
    wants_node = "node" in signature.parameters

    @wraps(lowering)
    def wide(*inputs: Value | None, node: Any, **attributes: Any) -> Any:
        keywords = {**attributes, "node": node} if wants_node else attributes
        if all(value is None or value.dtype not in STORED_ONLY for value in inputs):
            return lowering(*inputs, **keywords)
        answer = lowering(*map(_wide, inputs), **keywords)
        names = [output.dtype for output in node.outputs]
        if isinstance(answer, Unpack):
            wanted = [dtype(name) if name in STORED_ONLY else None for name in names]
            return Unpack(Symbol("narrowed")(answer.expression, wanted), answer.count)
        if isinstance(answer, tuple):
            return tuple(_narrow(e, name) for e, name in zip(answer, names, strict=False))
        return _narrow(answer, names[0])

    if not wants_node:
        parameters = list(signature.parameters.values())
        rest = [p for p in parameters if p.kind == inspect.Parameter.VAR_KEYWORD]
        entry = inspect.Parameter("node", inspect.Parameter.KEYWORD_ONLY)
        wide.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*parameters[: len(parameters) - len(rest)], entry, *rest]
        )
    return wide


def _wide(value: Value | None) -> Value | None:
    if value is None or value.dtype not in STORED_ONLY:
        return value
    if isinstance(value, Constant):
        return value.as_dtype("int64")
    text = value.method("to", dtype("int64")).text
    return Value(value.name, "int64", value.shape, lambda: text)


def _narrow(expression: Expression, name: str | None) -> Expression:
    return to(expression, name) if name in STORED_ONLY else expression
