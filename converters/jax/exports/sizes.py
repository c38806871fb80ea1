"""Arithmetic of sizes: whole numbers, and what the graph computes of them (`Size`).

What is true is followed as 1, what is not as 0.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from interop.converters.jax.exports.elementwise import COMPARISONS
from interop.converters.jax.exports.tensors import Size
from interop.converters.jax.exports.writing import Writer

#: What an entry of the result is for entries of the operands; None where it cannot be said.
Rule = Callable[..., Any]


_COMPARED = {"EQ": np.equal, "NE": np.not_equal, "LT": np.less, "LE": np.less_equal,
             "GT": np.greater, "GE": np.greater_equal}  # fmt: skip


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
    found = w.size("Sub", a, b)
    if b.least is not None and b.below is not None and _same(b.below, a):
        return replace(found, least=1, below=w.plus(a, 1 - b.least))  # a counter, turned around
    return found


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
    least = _least(a) // b if isinstance(b, int) and b > 0 and _positive(a) else None
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


def compared(w: Writer, direction: str, a: Any, b: Any) -> Any:
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
    if isinstance(b, int) and _least(a) is not None and _least(a) > b:
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
    return combined(_least(a), _least(b))


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


RULES: dict[str, Rule] = {
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
