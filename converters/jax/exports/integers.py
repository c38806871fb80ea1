"""Small integers, followed through a program: sizes, bounds and indices are arithmetic on them.

A program with open sizes computes every shape as int32 tensors. Followed here, they become ONNX's
shape arithmetic in int64, and what does not depend on an open size becomes a number.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from interop.converters.jax.exports.operation import Op, direction_of
from interop.converters.jax.exports.sizes import RULES, compared
from interop.converters.jax.exports.tensors import Size, Tensor

#: Larger arrays are data.
_LIMIT = 1024


#: The same on what is known.
_KNOWN: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "negate": operator.neg,
    "abs": np.abs,
    "sign": np.sign,
    "clamp": lambda low, x, high: np.minimum(np.maximum(x, low), high),
    "select": np.where,
    "divide": lambda a, b: np.trunc(a / b) if (b != 0).all() else None,
    "remainder": lambda a, b: np.fmod(a, b) if (b != 0).all() else None,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "not": np.invert,
}


def followed(op: Op) -> Tensor | None:
    """The integers that an operation gives; None where they are not followed."""
    if len(op.results) != 1 or op.dtype[0] not in "iub":
        return None
    given = [value.numbers for value in op.operands]
    if op.name in _MOVED:
        numbers = None if any(one is None for one in given) else _MOVED[op.name](op, *given)
    elif op.name in ("iota", "get_dimension_size"):
        numbers = _iota(op) if op.name == "iota" else _asked(op)
    elif any(one is None for one in given):
        return None
    elif op.name == "compare":
        numbers = _compare(op, *given)
    else:
        numbers = _computed(op, given)
    if numbers is None or numbers.size > _LIMIT:
        return None
    if numbers.size and not any(isinstance(one, Size) for one in numbers.flat):
        with np.errstate(all="ignore"):
            numbers = _entries(numbers.astype(op.dtype if op.dtype == "bool" else object), op.dtype)
    return Tensor("", op.dtype, tuple(numbers.shape), numbers=numbers)


def _entries(numbers: np.ndarray, dtype: str) -> np.ndarray:
    """Python's integers, kept within the dtype as the machine does."""
    if dtype == "bool":
        return numbers.astype(object)
    bits = np.dtype(dtype).itemsize * 8
    wrapped = [int(one) & ((1 << bits) - 1) for one in numbers.flat]
    if np.dtype(dtype).kind == "i":
        wrapped = [one - (1 << bits) if one >> (bits - 1) else one for one in wrapped]
    result = np.empty(numbers.shape, object)
    result.flat = wrapped
    return result


def _computed(op: Op, given: list[np.ndarray]) -> np.ndarray | None:
    known = [value.known() for value in op.operands]
    if op.name in _KNOWN and not any(one is None for one in known):
        wide = [one if one.dtype == bool else one.astype(np.int64) for one in known]
        result = _KNOWN[op.name](*wide)
        return None if result is None else np.asarray(result)
    rule = RULES.get(op.name)
    if rule is None or (op.dtype != "bool" and op.name in ("and", "or", "not")):
        return None
    if op.operands[0].dtype == "bool" and op.name not in ("and", "or", "not", "select"):
        return None
    columns = np.broadcast(*given)
    entries = [_entry(op, rule, entry) for entry in columns]
    if any(one is None for one in entries):
        return None
    result = np.empty(columns.shape, object)
    result.flat = entries
    return result


def _entry(op: Op, rule: Callable[..., Any], entry: tuple[Any, ...]) -> Any:
    if any(isinstance(one, Size) for one in entry):
        return rule(op.w, *entry)
    found = _KNOWN[op.name](*(np.array(one) for one in entry))
    return None if found is None else int(found)


def _compare(op: Op, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    direction = direction_of(op.operation)
    entries = [compared(op.w, direction, *entry) for entry in np.broadcast(a, b)]
    result = np.empty(a.shape, object)
    result.flat = entries
    return result


def _iota(op: Op) -> np.ndarray | None:
    if any(not isinstance(size, int) for size in op.sizes) or np.prod(op.sizes) > _LIMIT:
        return None
    shape = [1] * len(op.sizes)
    axis = op.number("iota_dimension")
    shape[axis] = -1
    along = np.arange(op.sizes[axis]).reshape(shape)
    return np.broadcast_to(along, op.sizes).astype(object)


def _asked(op: Op) -> np.ndarray:
    return single(op.w.dim(op.operands[0], op.number("dimension")))


def single(one: Any) -> np.ndarray:
    result = np.empty((), object)
    result[()] = one
    return result


def _converted(op: Op, x: np.ndarray) -> np.ndarray | None:
    """From integers to integers; a truth is 1 or 0."""
    if op.dtype == "bool" and op.operands[0].dtype != "bool":
        return None
    return x


def _reshape(op: Op, x: np.ndarray, *_: Any) -> np.ndarray | None:
    return x.reshape(op.sizes) if None not in op.sizes else None


def _concatenate(op: Op, *parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, axis=op.number("dimension"))


def _broadcast(op: Op, x: np.ndarray, *_: Any) -> np.ndarray | None:
    if None in op.sizes or np.prod(op.sizes) > _LIMIT:
        return None
    shape = [1] * len(op.sizes)
    for axis, size in zip(op.integers("broadcast_dimensions"), x.shape, strict=True):
        shape[axis] = size
    return np.broadcast_to(x.reshape(shape), op.sizes)


def _slice(op: Op, x: np.ndarray) -> np.ndarray:
    bounds = (op.integers(f"{part}") for part in ("start_indices", "limit_indices", "strides"))
    return x[tuple(slice(*one) for one in zip(*bounds, strict=True))]


def _transpose(op: Op, x: np.ndarray) -> np.ndarray:
    return x.transpose(op.integers("permutation"))


_MOVED: dict[str, Callable[..., Any]] = {
    "convert": _converted,
    "reshape": _reshape,
    "dynamic_reshape": _reshape,
    "concatenate": _concatenate,
    "broadcast_in_dim": _broadcast,
    "slice": _slice,
    "transpose": _transpose,
}
