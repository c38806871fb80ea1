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
from interop.converters.jax.exports.elementwise import COMPARISONS
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
    if isinstance(b, int):
        return w.plus(a, b)
    return replace(w.size("Add", a, b), least=_both(a, b, operator.add))


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
    if 1 in (a, b):
        return b if a == 1 else a
    return replace(w.size("Mul", a, b), least=_both(a, b, operator.mul))


def _divide(w: Writer, a: Any, b: Any) -> Any:
    if _same(a, b):
        return 1
    if b == 1:
        return a
    least = _least(a) // b if isinstance(b, int) and b > 0 and _positive(a) else None  # type: ignore[operator]
    return replace(w.size("Div", a, b), least=least)


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
    if not isinstance(condition, Size):
        return a if condition else b
    if _same(a, b):
        return a
    return Size(w.once("Where", _truth(w, condition), w.scalar(a), w.scalar(b)),
                ("Where", condition.key, *(_key(one) for one in (a, b))))  # fmt: skip


def _sign(w: Writer, a: Any) -> Any:
    if a.least is not None and a.least > 0:
        return 1
    return Size(w.once("Sign", a.name), ("Sign", a.key), -1, 2)


def _and(w: Writer, a: Any, b: Any) -> Any:
    if not isinstance(a, Size) or not isinstance(b, Size):
        known, other = (b, a) if isinstance(a, Size) else (a, b)
        return other if known else False
    return w.size("Mul", a, b)


def _or(w: Writer, a: Any, b: Any) -> Any:
    return _not(w, _and(w, _not(w, a), _not(w, b)))


def _not(w: Writer, a: Any) -> Any:
    return w.size("Sub", 1, a) if isinstance(a, Size) else not a


def _key(one: Any) -> Any:
    return one.key if isinstance(one, Size) else one


def _truth(w: Writer, one: Size) -> str:
    """What is true is followed as 1, what is not as 0."""
    return w.cast(one.name, "int64", "bool")


def _compared(w: Writer, direction: str, a: Any, b: Any) -> Any:
    known = _decided(direction, a, b)
    if known is not None:
        return known
    operator_, turned = COMPARISONS[direction]
    name = w.once(operator_, w.scalar(a), w.scalar(b))
    name = w.once("Not", name) if turned else name
    return Size(w.cast(name, "bool", "int64"), (direction, _key(a), _key(b)), 0, 2)


def _decided(direction: str, a: Any, b: Any) -> bool | None:
    """Where the sizes' bounds say it."""
    if isinstance(a, int) and isinstance(b, int):
        return bool(_COMPARED[direction](a, b))
    if _same(a, b):
        return direction in ("EQ", "LE", "GE")
    if isinstance(b, int) and _least(a) is not None and _least(a) > b:  # type: ignore[operator]
        return direction in ("GT", "GE", "NE")
    if isinstance(b, int) and _least(a) == b and direction in ("GE", "LT"):
        return direction == "GE"
    if _below(a, b) and direction in ("LT", "LE", "GE", "GT"):
        return direction in ("LT", "LE")
    return None


def _least(a: Any) -> int | None:
    return a if isinstance(a, int) else a.least


def _both(a: Any, b: Any, combined: Callable[[int, int], int]) -> int | None:
    """The least of a sum or product of what is not negative."""
    if not (_positive(a) and _positive(b)):
        return None
    return combined(_least(a), _least(b))  # type: ignore[arg-type]


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
    "sign": _sign,
    "and": _and,
    "or": _or,
    "not": _not,
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
    if rule is None or (op.dtype != "bool" and op.name in ("and", "or", "not")):
        return None
    if op.operands[0].dtype == "bool" and op.name not in ("and", "or", "not", "select"):
        return None
    columns = np.broadcast(*given)
    entries = [rule(op.w, *entry) for entry in columns]
    if any(one is None for one in entries):
        return None
    result = np.empty(columns.shape, object)
    result.flat = entries
    return result


def _compare(op: Op, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    direction = direction_of(op.operation)
    entries = [_compared(op.w, direction, *entry) for entry in np.broadcast(a, b)]
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
    return np.broadcast_to(along, op.sizes).astype(object)  # type: ignore[arg-type]


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
    "convert": _converted,
    "reshape": _reshape,
    "dynamic_reshape": _reshape,
    "concatenate": _concatenate,
    "broadcast_in_dim": _broadcast,
    "slice": _slice,
    "transpose": _transpose,
}
