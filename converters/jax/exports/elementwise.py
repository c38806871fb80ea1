"""Operations of single entries. ONNX broadcasts by itself, so what is spread over a shape stays thin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from interop.converters.jax.exports.bits import bitcast, shift
from interop.converters.jax.exports.operation import Op, direction_of, merged
from interop.converters.jax.exports.tensors import Refused, Tensor, array_of
from interop.converters.jax.exports.writing import Writer, number

#: (writer, dtype of the operands, names) → name of the result.
Entry = Callable[..., str]


def each(entry: Entry) -> Callable[[Op], Tensor]:
    """A converter of an operation on entries."""

    def convert(op: Op) -> Tensor:
        names, order, thin = op.w.together(op.operands)
        name = entry(op.w, op.operands[0].dtype, *names)
        return Tensor(name, op.dtype, merged(op.sizes, op.w.sizes(op.operands)), order, thin)

    return convert


def plain(operator: str, on_booleans: str = "") -> Callable[[Op], Tensor]:
    """One operator of ONNX; on booleans another."""

    def entry(w: Writer, dtype: str, *names: str) -> str:
        if dtype == "bool" and on_booleans:
            return w.once(on_booleans, *names)
        return w.once(operator, *names)

    return each(entry)


def _bits(boolean: str, whole: str) -> Callable[[Op], Tensor]:
    return each(lambda w, dtype, *names: w.once(boolean if dtype == "bool" else whole, *names))


def _constant(w: Writer, dtype: str, value: float) -> str:
    return w.constant(value, dtype)


def _cbrt(w: Writer, dtype: str, x: str) -> str:
    third = _constant(w, dtype, 1 / 3)
    return w.once("Mul", w.once("Sign", x), w.once("Pow", w.once("Abs", x), third))


def _expm1(w: Writer, dtype: str, x: str) -> str:
    """tanh(x / 2) (exp(x) + 1), which keeps the digits of what is near zero; large, exp(x) - 1."""
    one, exp = _constant(w, dtype, 1), w.once("Exp", x)
    half = w.once("Tanh", w.once("Mul", x, _constant(w, dtype, 0.5)))
    large = w.once("Greater", w.once("Abs", x), one)
    near = w.once("Mul", half, w.once("Add", exp, one))
    return w.once("Where", large, w.once("Sub", exp, one), near)


def _log1p(w: Writer, dtype: str, x: str) -> str:
    """2 atanh(x / (2 + x)), which keeps the digits of what is near zero; elsewhere log(1 + x)."""
    half, one, two, zero = (_constant(w, dtype, value) for value in (0.5, 1, 2, 0))
    near = w.once("Less", w.once("Abs", x), half)
    inside = w.once("Where", near, x, zero)
    ratio = w.once("Div", inside, w.once("Add", two, inside))
    small = w.once("Mul", two, w.once("Atanh", ratio))
    return w.once("Where", near, small, w.once("Log", w.once("Add", one, x)))


def _rsqrt(w: Writer, dtype: str, x: str) -> str:
    return w.once("Reciprocal", w.once("Sqrt", x))


def _round_from_zero(w: Writer, dtype: str, x: str) -> str:
    """Halves away from zero; half of the unit below one half is no half."""
    low = w.once("Floor", w.once("Abs", x))
    over = w.once("GreaterOrEqual", w.once("Sub", w.once("Abs", x), low), _constant(w, dtype, 0.5))
    up = w.once("Add", low, w.once("Cast", over, to=number(dtype)))
    return w.once("Mul", w.once("Sign", x), up)


def _is_finite(w: Writer, dtype: str, x: str) -> str:
    return w.once("Not", w.once("Or", w.once("IsNaN", x), w.once("IsInf", x)))


def _remainder(w: Writer, dtype: str, a: str, b: str) -> str:
    """With the sign of the dividend."""
    return w.once("Mod", a, b, fmod=1)


def _divide(w: Writer, dtype: str, a: str, b: str) -> str:
    return w.once("Div", a, b)


def _atan2(w: Writer, dtype: str, y: str, x: str) -> str:
    """The angle of each quadrant; zeros have the angle of their signs, infinities that of diagonals."""
    zero, one, pi = (_constant(w, dtype, value) for value in (0, 1, np.pi))
    infinite = w.once("And", w.once("IsInf", y), w.once("IsInf", x))
    over, under = (w.once("Where", infinite, w.once("Sign", part), part) for part in (y, x))
    angle = w.once("Atan", w.once("Div", over, under))
    # 1 / -0 is what tells the zeros apart.
    signs = [
        w.once(
            "Less",
            w.once("Where", w.once("Equal", part, zero), w.once("Div", one, part), part),
            zero,
        )
        for part in (y, x)
    ]
    turn = w.once("Where", signs[0], w.once("Neg", pi), pi)
    behind = w.once("And", signs[1], w.once("Not", w.once("Equal", x, zero)))
    found = w.once("Where", behind, w.once("Add", angle, turn), angle)
    flat = w.once("Where", signs[1], turn, w.once("Where", signs[0], w.once("Neg", zero), zero))
    half = w.once("Mul", w.once("Sign", y), _constant(w, dtype, np.pi / 2))
    upright = w.once("Where", w.once("Equal", y, zero), flat, half)
    return w.once("Where", w.once("Equal", x, zero), upright, found)


#: ONNX's operator, and whether its answer is turned.
COMPARISONS = {
    "EQ": ("Equal", False), "NE": ("Equal", True), "GE": ("GreaterOrEqual", False),
    "GT": ("Greater", False), "LE": ("LessOrEqual", False), "LT": ("Less", False),
}  # fmt: skip


def maximum(op: Op) -> Tensor:
    """Beside zero, ONNX's Relu."""
    first, second = op.operands
    if np.dtype(op.dtype).kind == "f":
        for x, other in ((first, second), (second, first)):
            if op.w.value_of(other) == 0 and x.thin is None:
                name = op.w.once("Relu", op.w.held(x))
                return Tensor(name, op.dtype, merged(op.sizes, x.sizes), x.order)
    return plain("Max", "Or")(op)


def compare(op: Op) -> Tensor:
    operator, turned = COMPARISONS[direction_of(op.operation)]

    def entry(w: Writer, dtype: str, a: str, b: str) -> str:
        if dtype == "bool" and operator != "Equal":
            a, b = (w.cast(name, "bool", "uint8") for name in (a, b))
        found = w.once(operator, a, b)
        return w.once("Not", found) if turned else found

    return each(entry)(op)


def select(op: Op) -> Tensor:
    """ONNX Runtime chooses between no truths."""

    def entry(w: Writer, _: str, condition: str, a: str, b: str) -> str:
        if op.dtype != "bool":
            return w.once("Where", condition, a, b)
        first = w.once("And", condition, a)
        return w.once("Or", first, w.once("And", w.once("Not", condition), b))

    return each(entry)(op)


def clamp(op: Op) -> Tensor:
    """Operands: the least, the value, the most. Bounds without axes are ONNX's Clip."""

    def entry(w: Writer, dtype: str, low: str, x: str, high: str) -> str:
        if not op.operands[0].rank and not op.operands[2].rank:
            return w.once("Clip", x, low, high)
        return w.once("Min", w.once("Max", x, low), high)

    return each(entry)(op)


def convert(op: Op) -> Tensor:
    before, after = op.operands[0].dtype, op.dtype
    return each(lambda w, _, x: w.cast(x, before, after))(op)


def same(op: Op) -> Sequence[Tensor]:
    """What hands on its operands."""
    return op.operands


def reduce_precision(op: Op) -> Tensor:
    """To the bits of a narrower type, where it is one of ONNX's, and back."""
    bits = (op.number("exponent_bits"), op.number("mantissa_bits"))
    narrow = {(5, 10): "float16", (8, 7): "bfloat16", (8, 23): "float32"}.get(bits)
    if narrow is None:
        raise Refused("rounding to {} bits of exponent and {} of mantissa".format(*bits))
    dtype = op.dtype
    return each(lambda w, _, x: w.cast(w.cast(x, dtype, narrow), narrow, dtype))(op)


def constant(op: Op) -> Tensor:
    array = array_of(op.operation.attributes["value"])
    sizes = op.sizes
    if array.dtype.kind in "iub" and np.prod(sizes, dtype=int) <= 1024:
        whole = np.broadcast_to(array, sizes).astype(object)
        return Tensor("", op.dtype, sizes, numbers=whole)
    thin = () if array.ndim < len(sizes) else None
    return Tensor(op.w.constant(array, op.dtype), op.dtype, sizes, thin=thin)


ENTRIES: dict[str, Callable[[Op], Any]] = {
    "abs": plain("Abs"),
    "add": plain("Add", "Or"),
    "and": _bits("And", "BitwiseAnd"),
    "atan2": each(_atan2),
    "bitcast_convert": bitcast,
    "cbrt": each(_cbrt),
    "ceil": plain("Ceil"),
    "clamp": clamp,
    "compare": compare,
    "constant": constant,
    "convert": convert,
    "cosine": plain("Cos"),
    "divide": each(_divide),
    "exponential": plain("Exp"),
    "exponential_minus_one": each(_expm1),
    "floor": plain("Floor"),
    "is_finite": each(_is_finite),
    "log": plain("Log"),
    "log_plus_one": each(_log1p),
    "logistic": plain("Sigmoid"),
    "maximum": maximum,
    "minimum": plain("Min", "And"),
    "multiply": plain("Mul", "And"),
    "negate": plain("Neg"),
    "not": _bits("Not", "BitwiseNot"),
    "optimization_barrier": same,
    "or": _bits("Or", "BitwiseOr"),
    "power": plain("Pow"),
    "reduce_precision": reduce_precision,
    "remainder": each(_remainder),
    "round_nearest_afz": each(_round_from_zero),
    "round_nearest_even": plain("Round"),
    "rsqrt": each(_rsqrt),
    "select": select,
    "shift_left": each(shift("LEFT", signed=False)),
    "shift_right_arithmetic": each(shift("RIGHT", signed=True)),
    "shift_right_logical": each(shift("RIGHT", signed=False)),
    "sign": plain("Sign"),
    "sine": plain("Sin"),
    "sqrt": plain("Sqrt"),
    "subtract": plain("Sub"),
    "tan": plain("Tan"),
    "tanh": plain("Tanh"),
    "xor": _bits("Xor", "BitwiseXor"),
}
