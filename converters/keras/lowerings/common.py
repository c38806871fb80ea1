"""What lowerings share: Keras's names, weights of layers, numbers and dynamic sizes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Refusal, Value

ops = Symbol("ops")
layers = Symbol("layers")

Lowering = Callable[..., Any]

INTEGERS = frozenset(
    {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
)  # fmt: skip

#: A size that is known only when the model runs: the tensor's name and the axis.
_DYNAMIC = re.compile(r"(\w+)\.shape\[(\d+)\]")


def raw(weight: Value) -> Expression:
    """The array itself, for a layer to hold; a constant otherwise prints as a tensor."""
    return Symbol("raw")(weight)


def array(weight: Constant, value: np.ndarray, form: str) -> Expression:
    """Another form of the weight, as the array itself."""
    return raw(weight.stored(np.ascontiguousarray(value), form))


def layer(
    kind: str, weights: Sequence[Expression], inputs: Sequence[Any], *args: Any, named: Value,
    **options: Any,
) -> Expression:  # fmt: skip
    """A stock layer with its weights on its inputs, called by the name of its main weight."""
    made = getattr(layers, kind)(*args, **options, name=layer_name(named.name))
    return Symbol("holding")(made, list(weights), *inputs)


def layer_name(weight: str) -> str:
    stem = re.sub(r"[._/](weight|kernel|W|bias)$", "", weight)
    return re.sub(r"\W+", "_", stem).strip("_") or "layer"


def call(made: Expression, *inputs: Any) -> Expression:
    """A layer on its inputs."""
    return Symbol(made.text)(*inputs)


def activation(name: str) -> Lowering:
    """A stock activation as a layer; as a function where the layer would cast its input."""

    def lowering(x: Value) -> Expression:
        if x.dtype == "float32":
            return call(layers.Activation(name), x)
        return getattr(ops, name)(x)

    return lowering


def number(value: Value, other: Value | None = None) -> Any:
    """A scalar constant as a plain number, where `other` gives it its dtype; else the value."""
    constant = value.constant
    if constant is None or constant.size != 1 or (other is not None and other.constant is not None):
        return value
    if constant.ndim > 0 and (
        other is None or other.shape is None or len(other.shape) < constant.ndim
    ):
        return value
    return constant.reshape(-1)[0].item()


def operands(a: Value, b: Value) -> tuple[Any, Any]:
    return number(a, b), number(b, a)


def unary(function: Any) -> Lowering:
    def lowering(x: Value) -> Expression:
        return function(x)  # type: ignore[no-any-return]

    return lowering


def entries(shape: Value) -> list[int | Expression]:
    """The entries of a vector of sizes: numbers, `x.shape[axis]`, or scalars that are data."""
    if shape.elements is not None:
        return list(shape.elements)
    length = shape.dim(0) if shape.shape else None
    if length is None:
        raise Refusal(f"the rank of the result depends on data ('{shape.name}')")
    return [shape[index] for index in range(length)]


def line(count: Expression, dtype: str) -> Expression:
    """Ones, as many as a size that is not known says."""
    found = _DYNAMIC.fullmatch(count.text)
    if found is None:
        return Symbol("ones_for")(count, dtype)
    return Symbol("ones_along")(Symbol(found[1]), int(found[2]), dtype)


def length(x: Value, axis: int) -> int | Expression:
    """The size along `axis`: a number, or where it is not known a tensor (int32 scalar)."""
    known = x.dim(axis)
    return Symbol("size_of")(x, axis % x.known_rank) if known is None else known


def taken(x: Expression, parts: list[slice]) -> Expression:
    """`x[…]`; a KerasTensor takes no single slice, only several, or one and an ellipsis."""
    return x[(*parts, ...)] if len(parts) == 1 else x[tuple(parts)]


def static(value: Value, what: str) -> list[int]:
    """Integers known at conversion."""
    elements = value.elements
    if elements is None or not all(isinstance(one, int) for one in elements):
        raise Refusal(f"{what} ('{value.name}') depend on data or on dynamic sizes")
    return [one for one in elements if isinstance(one, int)]


def axes_of(axes: Value | None) -> list[int] | None:
    return None if axes is None else static(axes, "axes")


def cast(x: Any, name: str) -> Expression:
    return ops.cast(x, name)
