"""From real numbers to stored ones and back."""

from __future__ import annotations

from typing import Any

from interop.converters.tflite.operator import ELEMENT, Op, Refused


def quantize(op: Op, x: str) -> Any:
    """The result's own scale does it, from whatever scale the operand has."""
    return op.emit("Identity", [x])


def dequantize(op: Op, x: str) -> Any:
    """From integers, or from float16."""
    if op.tensor(0).dtype == "float16":
        return op.emit("Cast", [x], to=ELEMENT["float32"])
    return op.emit("Identity", [x])


def densify(op: Op, x: str) -> Any:
    """Of a constant it is carried out beforehand (see folding)."""
    raise Refused("a sparse tensor that is computed")
