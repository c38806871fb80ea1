"""STRIDED_SLICE: Python's slices with their masks (tensorflow.org/api_docs/python/tf/strided_slice)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from interop.converters.tflite.operator import Op, Refused

_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True)
class _Piece:
    """One entry of the specification, on an axis of the data. begin, end: numbers or ONNX names."""

    axis: int
    begin: int | str
    end: int | str
    step: int
    single: bool


def strided_slice(op: Op, x: str) -> Any:
    if op.option("offset"):
        raise Refused("ends that count from the beginning")
    pieces, added = _pieces(op)
    if added or any(one.single for one in pieces):
        x = op.data_in_last_order()
    kept = [one for one in pieces if (one.begin, one.end, one.step) != (0, _FAR, 1)]
    if kept:
        operands = [
            _vector(op, [one.begin for one in kept]),
            _vector(op, [one.end for one in kept]),
            op.integers(*(op.axis(one.axis) for one in kept)),
            op.integers(*(one.step for one in kept)),
        ]
        x = op.emit("Slice", [x, *operands])
    single = [one.axis for one in pieces if one.single]
    if single:
        x = op.emit("Squeeze", [x, op.integers(*single)])
    if added:
        x = op.emit("Unsqueeze", [x, op.integers(*added)])
    return x if kept or single or added else op.emit("Identity", [x])


def _pieces(op: Op) -> tuple[list[_Piece], list[int]]:
    """The slices of the data's axes, and the result's axes that are new."""
    entries = op.tensor(1).shape[0]
    if entries < 0:
        raise Refused("a slice of a rank that is not known")
    masks = {name: int(op.option(f"{name}Mask"))
             for name in ("begin", "end", "ellipsis", "newAxis", "shrinkAxis")}  # fmt: skip

    def has(name: str, entry: int) -> bool:
        return bool(masks[name] >> entry & 1)

    # An entry that is an ellipsis, or that makes an axis, takes no axis of the data.
    new = sum(has("newAxis", entry) and not has("ellipsis", entry) for entry in range(entries))
    pieces, added, axis, place = [], [], 0, 0
    for entry in range(entries):
        if has("ellipsis", entry):
            skipped = op.rank() - (entries - 1 - new)
            axis, place = axis + skipped, place + skipped
        elif has("newAxis", entry):
            added.append(place)
            place += 1
        else:
            single = has("shrinkAxis", entry)
            pieces.append(_piece(op, entry, axis, has("begin", entry), has("end", entry), single))
            axis, place = axis + 1, place + (not single)
    return pieces, added


def _piece(op: Op, entry: int, axis: int, all_begin: bool, all_end: bool, single: bool) -> _Piece:
    step = int(op.array(3)[entry])
    if single:
        return _single(op, entry, axis)
    begin: int | str = (0 if step > 0 else _FAR) if all_begin else _entry(op, 1, entry)
    end: int | str = (_FAR if step > 0 else -_FAR) if all_end else _entry(op, 2, entry)
    return _Piece(axis, begin, end, step, False)


def _single(op: Op, entry: int, axis: int) -> _Piece:
    """One index: up to the next, but for the last, which may be called -1."""
    begin = _entry(op, 1, entry)
    if isinstance(begin, int):
        return _Piece(axis, begin, begin + 1 if begin != -1 else _FAR, 1, True)
    following = op.emit("Add", [begin, op.integers(1)])
    last = op.emit("Equal", [following, op.integers(0)])
    return _Piece(axis, begin, op.emit("Where", [last, op.integers(_FAR), following]), 1, True)


def _entry(op: Op, operand: int, entry: int) -> int | str:
    if op.known(operand):
        return int(op.array(operand)[entry])
    bounds = [op.integers(entry), op.integers(entry + 1)]
    name: str = op.emit("Slice", [op.wide(operand), *bounds])
    return name


def _vector(op: Op, entries: list[int | str]) -> str:
    if all(isinstance(one, int) for one in entries):
        return op.constant(np.array(entries, np.int64))
    parts = [op.integers(one) if isinstance(one, int) else one for one in entries]
    name: str = op.emit("Concat", parts, axis=0)
    return name
