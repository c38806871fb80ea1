"""Boxes and regions, and what has as many results as the data say."""

from __future__ import annotations

from interop.converters.torch.lowerings.common import integer

from interop.source.expression import Expression, Symbol
from interop.source.values import Unpack, Value


def non_max_suppression(
    boxes: Value, scores: Value, most: Value | None = None, overlap: Value | None = None,
    least: Value | None = None, *, center_point_box: int = 0,
) -> Expression:  # fmt: skip
    return Symbol("non_max_suppression")(
        boxes, scores, 0 if most is None else integer(most), _float(overlap, 0.0),
        _float(least, None), bool(center_point_box),
    )  # fmt: skip


def _float(value: Value | None, default: float | None) -> object:
    if value is None:
        return default
    if value.constant is not None:
        return float(value.constant.reshape(-1)[0])
    return value.method("item")


def unique(x: Value, *, axis: int | None = None, sorted: int = 1) -> Unpack:
    return Unpack(Symbol("unique")(x, axis, bool(sorted)), 4)
