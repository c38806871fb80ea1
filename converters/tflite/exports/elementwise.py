"""Operators that work on each element by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tflite.operator import ELEMENT, Op, Refused


def each(operator: str) -> Any:
    """One that ONNX has, too, of any number of operands."""

    def convert(op: Op, *operands: str) -> Any:
        return op.emit(operator, operands)

    return convert


def arithmetic(operator: str) -> Any:
    """Of two operands, with an activation behind it."""

    def convert(op: Op, a: str, b: str) -> str:
        return op.activated(op.emit(operator, [a, b]))

    return convert


def _wide(op: Op) -> str:
    """The type in which the operands are computed with."""
    tensor = op.tensor(0)
    return "float32" if tensor.quantized else tensor.dtype


def number(op: Op, value: float) -> str:
    """A constant of the operands' type."""
    return op.constant(np.array(value, _wide(op)))


def square(op: Op, x: str) -> Any:
    return op.emit("Mul", [x, x])


def squared_difference(op: Op, a: str, b: str) -> Any:
    gap = op.emit("Sub", [a, b])
    return op.emit("Mul", [gap, gap])


def rsqrt(op: Op, x: str) -> Any:
    return op.emit("Reciprocal", [op.emit("Sqrt", [x])])


def bounded(low: float, high: float) -> Any:
    def convert(op: Op, x: str) -> str:
        return op.clipped(x, low, high)

    return convert


def leaky_relu(op: Op, x: str) -> Any:
    return op.emit("LeakyRelu", [x], alpha=float(op.option("alpha")))


def gelu(op: Op, x: str) -> Any:
    return op.emit("Gelu", [x], approximate="tanh" if op.option("approximate") else "none")


def sum_of_all(op: Op, *operands: str) -> Any:
    return op.emit("Sum", operands)


def not_equal(op: Op, a: str, b: str) -> Any:
    return op.emit("Not", [op.emit("Equal", [a, b])])


def select(op: Op, flag: str, yes: str, no: str) -> Any:
    """By condition. SELECT, the older one, also takes a vector of conditions for whole rows."""
    if op.name == "SELECT" and op.tensor(0).rank == 1 and op.rank(1) > 1:
        axes = op.integers(*range(1, op.rank(1)))
        flag = op.emit("Unsqueeze", [flag, axes])
    return op.emit("Where", [flag, yes, no])


def cast(op: Op, x: str) -> Any:
    result = op.result()
    if result.dtype not in ELEMENT:
        raise Refused(f"numbers of type {result.dtype}")
    return op.emit("Cast", [x], to=ELEMENT[result.dtype])


def floor_div(op: Op, a: str, b: str) -> Any:
    if _wide(op).startswith("float"):
        return op.emit("Floor", [op.emit("Div", [a, b])])
    # What is left by Mod, whose sign is the divisor's, divides evenly.
    rest = op.emit("Mod", [a, b])
    return op.emit("Div", [op.emit("Sub", [a, rest]), b])


def floor_mod(op: Op, a: str, b: str) -> Any:
    """With the divisor's sign."""
    if not _wide(op).startswith("float"):
        return op.emit("Mod", [a, b])
    rest = op.emit("Mod", [a, b], fmod=1)
    zero = number(op, 0)
    signs = [op.emit("Less", [one, zero]) for one in (rest, b)]
    nothing = op.emit("Equal", [rest, zero])
    wrong = op.emit("And", [op.emit("Xor", signs), op.emit("Not", [nothing])])
    return op.emit("Where", [wrong, op.emit("Add", [rest, b]), rest])


def zeros_like(op: Op, x: str) -> Any:
    zero = op.constant(np.zeros((), op.tensor(0).dtype))
    return op.emit("Expand", [zero, op.emit("Shape", [x])])


def prelu(op: Op, x: str, slope: str) -> Any:
    return op.emit("PRelu", [x, slope])


def fake_quant(op: Op, x: str) -> Any:
    """Rounded to the numbers that `numBits` can tell apart between min and max, zero among them.

    As tensorflow.org/api_docs/python/tf/quantization/fake_quant_with_min_max_args has it.
    """
    low, high = float(op.option("min")), float(op.option("max"))
    first = 1 if op.option("narrowRange") else 0
    last = 2 ** int(op.option("numBits")) - 1
    scale = (high - low) / (last - first)
    zero = min(max(first - low / scale, first), last)
    zero = float(np.floor(zero + 0.5))
    nudged = (first - zero) * scale, (last - zero) * scale
    kept = op.emit("Clip", [x, *(number(op, bound) for bound in nudged)])
    steps = op.emit("Div", [op.emit("Sub", [kept, number(op, nudged[0])]), number(op, scale)])
    whole = op.emit("Floor", [op.emit("Add", [steps, number(op, 0.5)])])
    return op.emit("Add", [op.emit("Mul", [whole, number(op, scale)]), number(op, nudged[0])])
