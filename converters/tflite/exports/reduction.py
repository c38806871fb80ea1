"""Reductions over axes, and what counts or ranks along one."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tflite.operator import ELEMENT, INT32, INT64, Op, Refused


def reduction(operator: str) -> Any:
    """Operand 1: the axes. In either order where the axes that are left keep theirs."""

    def convert(op: Op, x: str) -> Any:
        axes = [int(axis) % op.rank() for axis in np.atleast_1d(op.array(1))]
        if not axes:
            return op.emit("Identity", [x])
        keep = int(op.option("keepDims"))
        left = [axis for axis in range(op.rank()) if axis not in axes]
        moved = [op.axis(axis) for axis in left]
        if keep or moved == sorted(moved):
            found = op.emit(operator, [x, _axes(op, axes)], keepdims=keep)
            if not keep:
                op.order = "last"
            return found
        x = op.data_in_last_order()
        return op.emit(operator, [x, _axes(op, axes)], keepdims=0)

    return convert


def _axes(op: Op, axes: list[int]) -> str:
    return op.integers(*sorted(op.axis(axis) for axis in axes))


def logical(operator: str) -> Any:
    """Of truth values, by way of numbers. Operand 1: the axes."""

    def convert(op: Op, x: str, *axes_given: str) -> Any:
        axes = [int(axis) for axis in np.atleast_1d(op.array(1))]
        number = op.emit("Cast", [x], to=INT32)
        keep = int(op.option("keepDims"))
        found = op.emit(operator, [number, op.integers(*axes)], keepdims=keep)
        return op.emit("Cast", [found], to=ELEMENT["bool"])

    return convert


def extreme(operator: str) -> Any:
    """The index of the largest or least along operand 1."""

    def convert(op: Op, x: str, *axis: str) -> Any:
        found = op.emit(operator, [x], axis=int(op.array(1).reshape(())), keepdims=0)
        return op.emit("Cast", [found], to=ELEMENT[op.result().dtype])

    return convert


def top_k(op: Op) -> Any:
    """The largest of the last axis, and where they stand."""
    count = op.emit("Reshape", [op.wide(1), op.integers(1)])
    values, places = op.emit("TopK", [op.stored(0), count], count=2, axis=-1)
    return [values, op.emit("Cast", [places], to=ELEMENT[op.result(1).dtype])]


def cumulated_sum(op: Op, x: str, *axis: str) -> Any:
    options = {name: int(op.option(name)) for name in ("exclusive", "reverse")}
    return op.emit("CumSum", [x, op.wide(1)], **options)


def shape(op: Op) -> Any:
    found = op.emit("Shape", [op.stored(0)])
    return found if op.result().dtype == "int64" else op.emit("Cast", [found], to=INT32)


def rank(op: Op) -> Any:
    return op.constant(np.array(op.rank(), np.int32))


def range_(op: Op, start: str, limit: str, step: str) -> Any:
    scalars = [op.emit("Squeeze", [one]) if op.tensor(i).rank else one
               for i, one in enumerate((start, limit, step))]  # fmt: skip
    return op.emit("Range", scalars)


def unique(op: Op) -> Any:
    """Each value once, in the order in which they come, and where each element's value stands."""
    values, _, places, _ = op.emit("Unique", [op.stored(0)], count=4, sorted=0)
    if op.result(1).dtype == "int64":
        return [values, places]
    return [values, op.emit("Cast", [places], to=INT32)]


def where(op: Op) -> Any:
    """The indices of all that is true, a row each."""
    found = op.emit("Transpose", [op.emit("NonZero", [op.stored(0)])], perm=[1, 0])
    if op.result().dtype not in ("int64", "int32"):
        raise Refused(f"indices of type {op.result().dtype}")
    return op.emit("Cast", [found], to=INT32 if op.result().dtype == "int32" else INT64)
