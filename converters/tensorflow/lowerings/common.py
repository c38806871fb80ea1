"""What lowerings share: TensorFlow's name, dtypes, literals and shapes as expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from interop.source.expression import Expression, Symbol
from interop.source.values import Value

tf = Symbol("tf")

INTEGERS = frozenset(
    {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
)  # fmt: skip

#: The narrow floats that TensorFlow can cast to and from, with their largest values.
FLOAT8 = {"float8_e4m3fn": 448.0, "float8_e5m2": 57344.0}

Lowering = Callable[..., Any]


def dtype(name: str) -> Expression:
    """TensorFlow's name for a NumPy dtype name."""
    if name in FLOAT8:
        return Symbol(f"tf.dtypes.experimental.{name}")
    if name == "object":  # of NumPy's, that is text
        return tf.string  # type: ignore[no-any-return]
    return Symbol(f"tf.{name}")


def number(value: Value, other: Value | None = None) -> Any:
    """A scalar constant as a plain number, where `other` gives it its dtype; else the value."""
    if (
        value.constant is None
        or value.constant.size != 1
        or value.constant.dtype.kind == "O"  # text
        or (
            value.constant.ndim > 0
            and (other is None or other.shape is None or len(other.shape) < value.constant.ndim)
        )
    ):
        return value
    if other is not None and other.constant is not None:
        return value
    scalar = value.constant.reshape(-1)[0]
    return bool(scalar) if value.constant.dtype == np.bool_ else scalar


def axis_size(x: Value, axis: int) -> Any:
    """The size along `axis`: a number where it is known, else an expression."""
    known = x.dim(axis)
    return known if known is not None else tf.shape(x)[axis]


def unary(function: Expression) -> Lowering:
    """The operator is this function of one tensor."""

    def lowering(x: Value) -> Expression:
        return function(x)  # type: ignore[operator]

    return lowering


def cast_like(x: Any, to: str, origin: str) -> Any:
    """`x` in dtype `to`, where it had dtype `origin`."""
    return x if to == origin else tf.cast(x, dtype(to))
