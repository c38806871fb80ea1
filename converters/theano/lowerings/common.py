"""What lowerings share: Theano's names, its dtypes, and its way of broadcasting.

Theano decides as it builds a graph which axes are broadcast: those that it knows to have one entry.
It knows so of weights, inputs and constants; of what is computed it may not, and has to be told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from interop.source.expression import Expression, Symbol, literal
from interop.source.values import Constant, Refusal, Value

theano = Symbol("theano")
T = Symbol("T")

Lowering = Callable[..., Any]

FLOATS = frozenset({"float16", "float32", "float64"})

DTYPES = FLOATS | {"bool"} | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def dtype(name: str) -> str:
    """Theano's name for a NumPy dtype name; a Refusal where it has none."""
    if name not in DTYPES:
        raise Refusal(f"Theano has no {name}")
    return name


def to(x: Expression, name: str) -> Expression:
    """`x` in another dtype."""
    return T.cast(x, dtype(name))


def number(value: Any, name: str) -> Expression:
    """A number of that dtype: Theano would give a plain one a dtype by its own settings."""
    if name == "bool":  # Theano takes a single one for a mistake
        return Symbol("np.array")(value)
    return Symbol(f"np.{dtype(name)}")(value)


def variable(x: Expression) -> Expression:
    """`x` as a variable, with its methods; a single constant is a number of NumPy's."""
    plain = isinstance(x, Constant) and x.constant.ndim == 0
    return T.as_tensor_variable(x) if plain else x


def sizes(value: Value, what: str = "a shape") -> list[Any]:
    """A vector of integers, as numbers and variables."""
    if value.elements is not None:
        return list(value.elements)
    if value.shape is None or len(value.shape) != 1 or value.shape[0] is None:
        raise Refusal(f"how many entries {what} ('{value.name}') has must be known")
    return [value[index] for index in range(value.shape[0])]


def integer(value: Value) -> Any:
    """A number without axes, or a single entry."""
    if value.elements:
        return value.elements[0]
    return value if value.shape == () else value.method("flatten")[0]


def told(x: Value, other: Sequence[int | None] | None) -> Expression:
    """`x` beside an operand of that shape, its axes of one entry known as such to Theano."""
    if isinstance(x, Constant) or x.shape is None or other is None:
        return x
    pairs = list(zip(reversed(x.shape), reversed(other), strict=False))
    axes = [len(x.shape) - 1 - i for i, (a, b) in enumerate(pairs) if a == 1 and b != 1]
    return T.addbroadcast(x, *axes) if axes else x


def together(*xs: Value) -> list[Expression]:
    """Operands that are broadcast to each other."""
    return [_told_all(x, [other for other in xs if other is not x]) for x in xs]


def _told_all(x: Value, others: Sequence[Value]) -> Expression:
    if isinstance(x, Constant) or x.shape is None:
        return x
    rank = len(x.shape)
    axes = set()
    for other in others:
        shape = other.shape or ()
        for back in range(1, min(rank, len(shape)) + 1):
            if x.shape[-back] == 1 and shape[-back] != 1:
                axes.add(rank - back)
    return T.addbroadcast(x, *sorted(axes)) if axes else x


def supported(lowering: Lowering) -> Lowering:
    """The lowering, for the dtypes that Theano has."""

    @wraps(lowering)
    def checked(*inputs: Value | None, **keywords: Any) -> Any:
        for value in inputs:
            if value is not None and value.dtype is not None:
                dtype(value.dtype)
        return lowering(*inputs, **keywords)

    return checked


def unary(function: Expression, *, floating: bool = False) -> Lowering:
    """The operator is this function of one tensor; `floating`: of integers by way of float64."""

    def lowering(x: Value) -> Expression:
        if floating and x.known_dtype not in FLOATS:
            return to(function(to(x, "float64")), x.known_dtype)  # type: ignore[operator]
        return function(x)  # type: ignore[operator]

    return lowering


def written(array: Any) -> Expression:
    """A small constant as one of Theano's own."""
    if array.ndim == 0:
        return number(array.item() if array.dtype.kind in "biu" else array[()], array.dtype.name)
    shaped = f".reshape({literal(array.shape)})" if array.size == 0 and array.ndim > 1 else ""
    inner = f"np.array({literal(array)}, {array.dtype.name!r}){shaped}"
    return T.constant(Expression(inner))
