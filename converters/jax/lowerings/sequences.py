"""Sequences are Python lists, optionals are a value or None."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.jax.lowerings.common import jnp

from interop.source.expression import Expression, Symbol
from interop.source.values import Value


def construct(*values: Value) -> Expression:
    return Expression(f"[{', '.join(value.text for value in values)}]")


def empty(*, dtype: int = 1) -> Expression:
    return Expression("[]")


def at(sequence: Value, position: Value) -> Expression:
    return sequence[_index(position)]


def insert(sequence: Value, value: Value, position: Value | None = None) -> Expression:
    place = None if position is None else _index(position)
    return Symbol("inserted")(sequence, value, place)


def erase(sequence: Value, position: Value | None = None) -> Expression:
    return Symbol("erased")(sequence, -1 if position is None else _index(position))


def length(sequence: Value) -> Expression:
    return Symbol("np.array")(Symbol("len")(sequence))  # a trace still knows it


def concat(sequence: Value, *, axis: int, new_axis: int = 0) -> Expression:
    return (jnp.stack if new_axis else jnp.concatenate)(sequence, axis=axis)


def split(x: Value, parts: Value | None = None, *, axis: int = 0, keepdims: int = 1) -> Expression:
    if parts is None:
        entries: Any = None
    elif parts.constant is not None:
        entries = int(parts.constant) if parts.constant.ndim == 0 else parts.constant.tolist()
    else:
        entries = parts.method("tolist")  # a scalar's is a number
    return Symbol("split_to_sequence")(x, entries, axis, bool(keepdims))


def optional(value: Value | None = None, *, type: Any = None) -> Expression:
    return Expression("None") if value is None else value


def has_element(value: Value | None = None) -> Expression:
    if value is None:
        return jnp.array(False)
    return jnp.array(Expression(f"{value.within(1)} is not None", 0))


def get_element(value: Value) -> Expression:
    return value


def _index(position: Value) -> Any:
    if position.constant is not None and np.size(position.constant) == 1:
        return int(position.constant.reshape(-1)[0])
    return position.method("item")
