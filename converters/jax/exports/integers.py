"""Small integers, followed through a program: sizes, bounds and indices are arithmetic on them.

A program with open sizes computes every shape as int32 tensors. Followed here, they become ONNX's
shape arithmetic in int64, and what does not depend on an open size becomes a number.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from interop.converters.jax.exports.operation import Op, direction_of
from interop.converters.jax.exports.tensors import Size, Tensor
from interop.converters.jax.exports.writing import Writer

#: Larger arrays are data.
_LIMIT = 1024

#: What an entry of the result is for entries of the operands; None where it cannot be said.
Rule = Callable[..., Any]


def _add(w: Writer, a: Any, b: Any) -> Any:
    if isinstance(a, int):
        return w.plus(b, a)
    return w.plus(a, b) if isinstance(b, int) else w.size("Add", a, b)


def _subtract(w: Writer, a: Any, b: Any) -> Any:
    if isinstance(b, int):
        return w.plus(a, -b)
    if isinstance(a, Size) and (a.base or a) == (b.base or b):
        return a.plus - b.plus
    if b.least is not None and b.below is not None and _same(b.below, a):  # a counter, turned around
        turned = w.size("Sub", a, b)
        return replace(turned, least=1, below=w.plus(a, 1 - b.least))
    return w.size("Sub", a, b)


def _multiply(w: Writer, a: Any, b: Any) -> Any:
    if 0 in (a, b):
        return 0
    return b if a == 1 else a if b == 1 else w.size("Mul", a, b)


def _divide(w: Writer, a: Any, b: Any) -> Any:
    if _same(a, b):
        return 1
    return a if b == 1 else w.size("Div", a, b)


def _remainder(w: Writer, a: Any, b: Any) -> Any:
    if _below(a, b):
        return a
    if _same(a, b):
        return 0
    quotient = _divide(w, a, b)
    return _subtract(w, a, _multiply(w, quotient, b))


def _maximum(w: Writer, a: Any, b: Any) -> Any:
    if _same(a, b) or (isinstance(b, int) and b <= 0 and _positive(a)):
        return a
    return b if isinstance(a, int) and a <= 0 and _positive(b) else w.size("Max", a, b)


def _minimum(w: Writer, a: Any, b: Any) -> Any:
    if _same(a, b) or _below(a, w.plus(b, 1)):
        return a
    return b if _below(b, w.plus(a, 1)) else w.size("Min", a, b)


def _clamp(w: Writer, low: Any, x: Any, high: Any) -> Any:
    if all(isinstance(one, int) for one in (low, x, high)):
        return min(max(x, low), high)
    return _minimum(w, _maximum(w, x, low), high)


def _negate(w: Writer, a: Any) -> Any:
    return w.size("Sub", 0, a)


def _select(w: Writer, condition: Any, a: Any, b: Any) -> Any:
    return None if isinstance(condition, Size) else a if condition else b


def _same(a: Any, b: Any) -> bool:
    return bool(a == b)


def _below(a: Any, limit: Any) -> bool:
    """Whether a is known to stay below the limit."""
    if not isinstance(a, Size) or a.below is None:
        return False
    if isinstance(a.below, int) and isinstance(limit, int):
        return a.below <= limit
    return _same(a.below, limit)


def _positive(a: Any) -> bool:
    """Whether it is known to be 0 or more."""
    return a >= 0 if isinstance(a, int) else a.least is not None and a.least >= 0


def kept_within(w: Writer, start: Any, whole: Any, extent: Any) -> Any:
    """Where a window of that extent starts, moved so that it lies within the whole."""
    return 0 if start == 0 else _clamp(w, 0, start, _subtract(w, whole, extent))


_RULES: dict[str, Rule] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "remainder": _remainder,
    "maximum": _maximum,
    "minimum": _minimum,
    "negate": _negate,
    "clamp": _clamp,
    "select": _select,
}

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

_COMPARED = {"EQ": np.equal, "NE": np.not_equal, "LT": np.less, "LE": np.less_equal,
             "GT": np.greater, "GE": np.greater_equal}  # fmt: skip


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
        wide = [one if one.dtype == bool else one.astype(np.int64) for one in known]  # type: ignore[union-attr]
        result = _KNOWN[op.name](*wide)
        return None if result is None else np.asarray(result)
    rule = _RULES.get(op.name)
    if rule is None or op.dtype == "bool":
        return None
    columns = np.broadcast(*given)
    entries = [rule(op.w, *entry) for entry in columns]
    if any(one is None for one in entries):
        return None
    result = np.empty(columns.shape, object)
    result.flat = entries
    return result


def _compare(op: Op, a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    direction = direction_of(op.operation)
    known = [value.known() for value in op.operands]
    if not any(one is None for one in known):
        return np.asarray(_COMPARED[direction](*known)).astype(object)
    if direction == "LT" and not b.any() and all(_positive(one) for one in a.flat):
        return np.zeros(a.shape, bool).astype(object)
    return None


def _iota(op: Op) -> np.ndarray | None:
    if any(not isinstance(size, int) for size in op.sizes) or np.prod(op.sizes) > _LIMIT:
        return None
    shape = [1] * len(op.sizes)
    axis = op.number("iota_dimension")
    shape[axis] = -1
    along = np.arange(op.sizes[axis]).reshape(shape)
    return np.broadcast_to(along, op.sizes).astype(object)  # type: ignore[arg-type]


def _asked(op: Op) -> np.ndarray:
    return single(op.w.dim(op.operands[0], op.number("dimension")))


def single(one: Any) -> np.ndarray:
    result = np.empty((), object)
    result[()] = one
    return result


def _same_numbers(op: Op, x: np.ndarray) -> np.ndarray | None:
    """A conversion, from integers to integers."""
    return x


def _reshape(op: Op, x: np.ndarray, *_: Any) -> np.ndarray | None:
    return x.reshape(op.sizes) if None not in op.sizes else None  # type: ignore[arg-type]


def _concatenate(op: Op, *parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, axis=op.number("dimension"))


def _broadcast(op: Op, x: np.ndarray, *_: Any) -> np.ndarray | None:
    if None in op.sizes or np.prod(op.sizes) > _LIMIT:  # type: ignore[arg-type]
        return None
    shape = [1] * len(op.sizes)
    for axis, size in zip(op.integers("broadcast_dimensions"), x.shape, strict=True):
        shape[axis] = size
    return np.broadcast_to(x.reshape(shape), op.sizes)  # type: ignore[arg-type]


def _slice(op: Op, x: np.ndarray) -> np.ndarray:
    bounds = (op.integers(f"{part}") for part in ("start_indices", "limit_indices", "strides"))
    return x[tuple(slice(*one) for one in zip(*bounds, strict=True))]


def _transpose(op: Op, x: np.ndarray) -> np.ndarray:
    return x.transpose(op.integers("permutation"))


_MOVED: dict[str, Callable[..., Any]] = {
    "convert": _same_numbers,
    "reshape": _reshape,
    "dynamic_reshape": _reshape,
    "concatenate": _concatenate,
    "broadcast_in_dim": _broadcast,
    "slice": _slice,
    "transpose": _transpose,
}
