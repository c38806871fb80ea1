"""Sequences are Python lists, optionals are a value or None."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.torch.lowerings.common import torch

from interop.source.expression import Expression, Symbol
from interop.source.values import Value


def construct(*values: Value) -> Expression:
    return _list(*values)


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
    return torch.tensor(Symbol("len")(sequence))


def concat(sequence: Value, *, axis: int, new_axis: int = 0) -> Expression:
    return (torch.stack if new_axis else torch.cat)(sequence, dim=axis)


def split(x: Value, parts: Value | None = None, *, axis: int = 0, keepdims: int = 1) -> Expression:
    if parts is None:
        return Symbol("list")(torch.split(x, 1, dim=axis) if keepdims else torch.unbind(x, axis))
    if parts.constant is not None:
        entries: Any = int(parts.constant) if parts.constant.ndim == 0 else parts.constant.tolist()
    else:
        entries = parts.method("tolist")  # a scalar's is a number
    return Symbol("list")(torch.split(x, entries, dim=axis))


def optional(value: Value | None = None, *, type: Any = None) -> Expression:
    return Expression("None") if value is None else value


def has_element(value: Value | None = None) -> Expression:
    if value is None:
        return torch.tensor(False)
    return torch.tensor(Expression(f"{value.within(1)} is not None", 0))


def get_element(value: Value) -> Expression:
    return value


def _list(*values: Value) -> Expression:
    return Expression(f"[{', '.join(value.text for value in values)}]")


def _index(position: Value) -> Any:
    if position.constant is not None and np.size(position.constant) == 1:
        return int(position.constant.reshape(-1)[0])
    return position.method("item")
