"""Shape arithmetic in Python's own integers.

What follows from `Shape` by integer operators is a vector or a number of sizes. A target that can
say `x.shape[0]` needs no tensors for it: its reshapes read as one would write them, and its tracer
sees sizes, not data. The semantics of ONNX's operators on such vectors stand here, once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from interop.source.expression import Expression
from interop.source.values import NonNegative, Value

#: A size: a number where it is known, else an expression.
Size = int | Expression


class Sizes(Value):
    """A vector of sizes, or a single one (`scalar`); as an ordinary tensor only where one is needed."""

    def __init__(
        self,
        name: str,
        elements: Sequence[Size],
        *,
        scalar: bool,
        dtype: str,
        tensor: Callable[[Any, str], str],
    ) -> None:
        """`tensor(value, dtype)` is the target's text for a tensor of a number or a list."""
        inner: Any = elements[0] if scalar else list(elements)
        shape = () if scalar else (len(elements),)
        super().__init__(name, dtype, shape, lambda: tensor(inner, dtype))
        self.scalar = scalar
        self._elements = tuple(elements)

    @property
    def elements(self) -> tuple[Size, ...]:
        return self._elements


#: What an operator gives: the sizes, and whether they are a single one. None: it cannot be said.
Answer = tuple[list[Size], bool] | None


def compute(op_type: str, inputs: list[Value | None], attributes: dict[str, Any]) -> Answer:
    """The sizes that the operator gives for `inputs`; None if it leaves the arithmetic of sizes."""
    if op_type in ("Shape", "Size"):
        return _OF_TENSORS[op_type](inputs[0], **attributes)
    rule = _OF_SIZES.get(op_type)
    given = [value for value in inputs if value is not None]
    if rule is None or len(given) < len(inputs) or any(v.elements is None for v in given):
        return None
    if not any(isinstance(value, Sizes) for value in given):
        return None
    return rule(*given, **attributes)


def _shape(x: Value | None, start: int = 0, end: int | None = None) -> Answer:
    if x is None or x.shape is None or isinstance(x, Sizes):
        return None
    return [x.size(axis) for axis in range(len(x.shape))][start:end], False


def _size(x: Value | None) -> Answer:
    shape = _shape(x)
    return None if shape is None else ([_product(shape[0])], True)


def _product(sizes: Sequence[Size]) -> Size:
    known = math.prod(size for size in sizes if isinstance(size, int))
    result: Size = known
    for size in sizes:
        if not isinstance(size, int):
            result = size if isinstance(result, int) and result == 1 else _multiply(result, size)
    return result


def _both(a: Size, b: Size) -> bool:
    return all(
        size >= 0 if isinstance(size, int) else isinstance(size, NonNegative) for size in (a, b)
    )


def _marked(result: Any, nonnegative: bool) -> Size:
    if nonnegative and isinstance(result, Expression):
        return NonNegative(result.text, result.binding)
    return result  # type: ignore[no-any-return]


def _add(a: Size, b: Size) -> Size:
    return b if _is(a, 0) else a if _is(b, 0) else _marked(a + b, _both(a, b))


def _subtract(a: Size, b: Size) -> Size:
    return a if _is(b, 0) else a - b


def _multiply(a: Size, b: Size) -> Size:
    return b if _is(a, 1) else a if _is(b, 1) else _marked(a * b, _both(a, b))


def _is(size: Size, number: int) -> bool:
    return isinstance(size, int) and size == number


def _divide(a: Size, b: Size) -> Size | None:
    if not _both(a, b) or not isinstance(b, int) or b == 0:
        return None
    return a if b == 1 else _marked(a // b, True)


def _remainder(a: Size, b: Size, fmod: int = 0) -> Size | None:
    if not _both(a, b) or not isinstance(b, int) or b == 0:
        return None
    return _marked(a % b, True)


class _IsZero(Expression):
    """Whether a size is zero."""

    def __init__(self, size: Expression) -> None:
        super().__init__(f"({size} == 0)")
        self.size = size


def _equal(a: Size, b: Size) -> Size | None:
    if isinstance(a, int) and isinstance(b, int):
        return int(a == b)
    if isinstance(a, Expression) and _is(b, 0):
        return _IsZero(a)
    return _IsZero(b) if isinstance(b, Expression) and _is(a, 0) else None


def _where(condition: Value, a: Value, b: Value) -> Answer:
    """Beside plain choices: "another size where this one is zero", as a Reshape says it."""
    parts = [list(value.elements or ()) for value in (condition, a, b)]
    if len({len(part) for part in parts}) > 1:
        return None
    results: list[Size] = []
    for test, one, other in zip(*parts, strict=True):
        if isinstance(test, int):
            results.append(one if test else other)
        elif not isinstance(test, _IsZero) or str(test.size) != str(other):
            return None
        elif str(one) == str(other):
            results.append(other)
        else:
            results.append(_marked(Expression(f"{other} or {one}", 0), _both(one, other)))
    return results, b.shape == ()


def _elementwise(function: Callable[..., Size | None]) -> Callable[..., Answer]:
    def rule(a: Value, b: Value, **attributes: Any) -> Answer:
        first, second = list(a.elements or ()), list(b.elements or ())
        count = max(len(first), len(second))
        if not (first and second) or {len(first), len(second)} - {1, count}:
            return None
        pairs = zip(first * (count // len(first)), second * (count // len(second)), strict=True)
        results = [function(x, y, **attributes) for x, y in pairs]
        if any(result is None for result in results):
            return None
        return results, a.shape == () and b.shape == ()  # type: ignore[return-value]

    return rule


def _gather(data: Value, indices: Value, axis: int = 0) -> Answer:
    places, sizes = indices.constant, data.elements
    if places is None or sizes is None or data.shape == () or places.ndim > 1:
        return None
    if any(not -len(sizes) <= place < len(sizes) for place in places.reshape(-1)):
        return None
    return [sizes[int(place)] for place in places.reshape(-1)], places.ndim == 0


def _slice(data: Value, starts: Value, ends: Value, *rest: Value) -> Answer:
    bounds = [value.constant for value in (starts, ends, *rest)]
    if data.elements is None or any(bound is None or bound.size != 1 for bound in bounds):
        return None
    first, last, *more = (int(bound.reshape(-1)[0]) for bound in bounds if bound is not None)
    step = more[1] if len(more) > 1 else 1
    count = len(data.elements)
    if step < 0 and last < -count:
        return list(data.elements[first::step]), False
    return list(data.elements[first:last:step]), False


def _pad(data: Value, pads: Value, *rest: Value, mode: str = "constant") -> Answer:
    """A vector made longer by a number. Past the first two come that number, and the axes."""
    filling = rest[0].constant if rest else np.zeros(1)
    if pads.constant is None or pads.constant.size != 2 or filling is None or mode != "constant":
        return None
    before, after = (int(count) for count in pads.constant)
    if min(before, after) < 0:
        return None
    filled: list[Size] = [int(filling.reshape(-1)[0])]
    return [*filled * before, *(data.elements or ()), *filled * after], False


def _concat(*values: Value, axis: int) -> Answer:
    if any(value.shape == () for value in values):
        return None
    return [size for value in values for size in value.elements or ()], False


def _to_scalar(data: Value, axes: Value | None = None) -> Answer:
    sizes = list(data.elements or ())
    return (sizes, True) if len(sizes) == 1 else None


def _to_vector(data: Value, axes: Value) -> Answer:
    if data.shape != () or len(axes.elements or ()) != 1:
        return None
    return list(data.elements or ()), False


def _reshape(data: Value, shape: Value, allowzero: int = 0) -> Answer:
    wanted, sizes = shape.constant, list(data.elements or ())
    if wanted is None or wanted.size > 1 or (wanted.size == 0 and len(sizes) != 1):
        return None
    return sizes, wanted.size == 0


def _cast(data: Value, to: int, **_: Any) -> Answer:
    integers = (6, 7)  # TensorProto.INT32, INT64
    return (list(data.elements or ()), data.shape == ()) if to in integers else None


def _reduce_prod(data: Value, axes: Value | None = None, keepdims: int = 1, **_: Any) -> Answer:
    if data.shape == ():
        return None
    return [_product(data.elements or ())], not keepdims


_OF_TENSORS: dict[str, Callable[..., Answer]] = {"Shape": _shape, "Size": _size}

_OF_SIZES: dict[str, Callable[..., Answer]] = {
    "Add": _elementwise(_add),
    "Cast": _cast,
    "Concat": _concat,
    "Div": _elementwise(_divide),
    "Equal": _elementwise(_equal),
    "Gather": _gather,
    "Identity": lambda data: (list(data.elements or ()), data.shape == ()),
    "Mod": _elementwise(_remainder),
    "Mul": _elementwise(_multiply),
    "Pad": _pad,
    "ReduceProd": _reduce_prod,
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _to_scalar,
    "Sub": _elementwise(_subtract),
    "Unsqueeze": _to_vector,
    "Where": _where,
}
