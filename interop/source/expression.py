"""Expressions that print themselves.

A lowering is written as if it ran: `tf.nn.softmax(x, axis=axis) * 2`. With `tf` a Symbol and `x` an
Expression it runs, needs no framework, and yields exactly that text.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# How tightly Python binds, loosest first.
_COMPARE, _OR, _XOR, _AND, _SHIFT, _SUM, _PRODUCT, _SIGN, _POWER, ATOM = range(10)


#: The largest float32.
_LARGEST = float(np.finfo(np.float32).max)


class Expression:
    """Python source of a value. Operators make larger expressions, with parentheses where needed."""

    def __init__(self, text: str, binding: int = ATOM) -> None:
        self._text = text
        self._binding = binding

    @property
    def text(self) -> str:
        return self._text

    @property
    def binding(self) -> int:
        """How tightly its outermost operator binds."""
        return self._binding

    def __str__(self) -> str:
        return self.text

    def within(self, binding: int) -> str:
        """The text as an operand of an operator that binds this tightly."""
        return self.text if self._binding >= binding else f"({self.text})"

    def __getitem__(self, index: Any) -> Expression:
        return Expression(f"{self.within(ATOM)}[{_index(index)}]")

    def method(self, name: str, *args: Any, **kwargs: Any) -> Expression:
        """A call of a method of this value: `x.method("set_shape", …)`."""
        return Expression(f"{self.within(ATOM)}.{name}({_arguments(args, kwargs)})")

    def __neg__(self) -> Expression:
        return Expression(f"-{self.within(_SIGN)}", _SIGN)

    def __invert__(self) -> Expression:
        return Expression(f"~{self.within(_SIGN)}", _SIGN)

    def __add__(self, other: Any) -> Expression:
        return _binary(self, "+", other, _SUM)

    def __radd__(self, other: Any) -> Expression:
        return _binary(other, "+", self, _SUM)

    def __sub__(self, other: Any) -> Expression:
        return _binary(self, "-", other, _SUM)

    def __rsub__(self, other: Any) -> Expression:
        return _binary(other, "-", self, _SUM)

    def __mul__(self, other: Any) -> Expression:
        return _binary(self, "*", other, _PRODUCT)

    def __rmul__(self, other: Any) -> Expression:
        return _binary(other, "*", self, _PRODUCT)

    def __truediv__(self, other: Any) -> Expression:
        return _binary(self, "/", other, _PRODUCT)

    def __rtruediv__(self, other: Any) -> Expression:
        return _binary(other, "/", self, _PRODUCT)

    def __floordiv__(self, other: Any) -> Expression:
        return _binary(self, "//", other, _PRODUCT)

    def __rfloordiv__(self, other: Any) -> Expression:
        return _binary(other, "//", self, _PRODUCT)

    def __mod__(self, other: Any) -> Expression:
        return _binary(self, "%", other, _PRODUCT)

    def __matmul__(self, other: Any) -> Expression:
        return _binary(self, "@", other, _PRODUCT)

    def __and__(self, other: Any) -> Expression:
        return _binary(self, "&", other, _AND)

    def __or__(self, other: Any) -> Expression:
        return _binary(self, "|", other, _OR)

    def __lt__(self, other: Any) -> Expression:
        return _binary(self, "<", other, _COMPARE)

    def __le__(self, other: Any) -> Expression:
        return _binary(self, "<=", other, _COMPARE)

    def __gt__(self, other: Any) -> Expression:
        return _binary(self, ">", other, _COMPARE)

    def __ge__(self, other: Any) -> Expression:
        return _binary(self, ">=", other, _COMPARE)


class Symbol(Expression):
    """A name of the target's own, such as a module: attributes and calls become text."""

    def __getattr__(self, name: str) -> Symbol:
        if name.startswith("__"):
            raise AttributeError(name)
        return Symbol(f"{self.text}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Expression:
        return Expression(f"{self.text}({_arguments(args, kwargs)})")


def literal(value: Any) -> str:
    """Python source of `value`: an expression, a number, a string, or a nest of lists of them."""
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, np.ndarray):
        if value.dtype == np.float64:
            return literal(list(value) if value.ndim else value[()])
        return literal(value.tolist() if value.dtype != np.float32 else _shortest(value))
    if isinstance(value, np.bool_ | bool) or value is None or isinstance(value, str):
        return repr(value.item() if isinstance(value, np.bool_) else value)
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, np.float64):  # of a model in double: all of its digits are meant
        return _float(float(value), single=False)
    if isinstance(value, float | np.generic):  # np.generic: bfloat16 is no np.floating
        return _float(float(value))
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    raise TypeError(f"no literal for {type(value).__name__}")


def _shortest(array: np.ndarray) -> Any:
    return [_shortest(part) for part in array] if array.ndim else float(str(np.float32(array)))


def _float(value: float, *, single: bool = True) -> str:
    """ONNX attributes are float32 (`single`): the shortest text that is the same float32 is meant."""
    if value != value or value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    if not single:
        return repr(value)
    with np.errstate(over="ignore"):
        short = np.float32(value)
    text = float(str(short))
    # The largest float32's shortest text is, as a Python float, larger than any float32.
    return str(text) if float(short) == value and abs(text) <= _LARGEST else repr(value)


def _binary(left: Any, sign: str, right: Any, binding: int) -> Expression:
    # The operators used here associate to the left, comparisons not at all.
    first = left.within(binding) if isinstance(left, Expression) else literal(left)
    second = right.within(binding + 1) if isinstance(right, Expression) else literal(right)
    if not isinstance(right, Expression) and second.startswith("-"):
        second = f"({second})"
    return Expression(f"{first} {sign} {second}", binding)


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    parts = [literal(value) for value in args]
    parts += [f"{name}={literal(value)}" for name, value in kwargs.items()]
    return ", ".join(parts)


def _index(index: Any) -> str:
    if isinstance(index, tuple):
        return ", ".join(map(_index, index))
    if isinstance(index, slice):
        parts = ["" if part is None else literal(part) for part in (index.start, index.stop)]
        step = "" if index.step is None else f":{literal(index.step)}"
        return f"{parts[0]}:{parts[1]}{step}"
    return "..." if index is Ellipsis else literal(index)
