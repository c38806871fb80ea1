"""Casts to the types below sixteen bits that a target lacks: what they round to, in a wider type.

The types and their rules are those of ONNX's technical articles "Float stored in 8 bits" and
"4 bit integer types", and of its Cast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator
from interop.source.values import Refusal


@dataclass(frozen=True)
class Grid:
    """The finite values of a small float: `steps` between two powers of two, from 2**low on."""

    steps: int
    low: int  # exponent of the smallest normal number
    largest: float
    overflow: float  # what is too large becomes this, where it is not kept at the largest
    saturates: bool = False  # whether it does so always


_INTEGERS = {
    ir.DataType.INT4: (16, 8), ir.DataType.UINT4: (16, 0),
    ir.DataType.INT2: (4, 2), ir.DataType.UINT2: (4, 0),
}  # fmt: skip

_FLOATS = {
    ir.DataType.FLOAT4E2M1: Grid(2, 0, 6.0, 6.0, saturates=True),
    ir.DataType.FLOAT8E4M3FN: Grid(8, -6, 448.0, np.nan),
    ir.DataType.FLOAT8E4M3FNUZ: Grid(8, -7, 240.0, np.nan),
    ir.DataType.FLOAT8E5M2: Grid(4, -14, 57344.0, np.inf),
    ir.DataType.FLOAT8E5M2FNUZ: Grid(4, -15, 57344.0, np.nan),
}

#: Type → the one of those that every framework has that holds all its values.
HELD = {
    **dict.fromkeys((ir.DataType.INT4, ir.DataType.INT2), ir.DataType.INT8),
    **dict.fromkeys((ir.DataType.UINT4, ir.DataType.UINT2), ir.DataType.UINT8),
    **dict.fromkeys(_FLOATS, ir.DataType.FLOAT16),
    ir.DataType.FLOAT8E8M0: ir.DataType.FLOAT,
}


def cast(op: Builder, node: Operator, to: ir.DataType) -> ir.Value:
    """Cast (or CastLike) to a type of HELD, as values of the type that holds it."""
    x = node[0]
    if to in _INTEGERS:
        return op.cast(_wrapped(op, op.cast(x, np.int32), *_INTEGERS[to]), HELD[to])
    wide = op.cast(x, np.float32)
    if to == ir.DataType.FLOAT8E8M0:
        return _power(op, wide, node.attribute("round_mode", "up"))
    saturate = bool(node.attribute("saturate", 1))
    return op.cast(_rounded(op, wide, _FLOATS[to], saturate=saturate), HELD[to])


def _wrapped(op: Builder, x: ir.Value, count: int, below: int) -> ir.Value:
    """Whole numbers around the circle of `count`, of which `below` are negative."""
    if not below:
        return op.Mod(x, count)  # type: ignore[no-any-return]
    return op.Sub(op.Mod(op.Add(x, below), count), below)  # type: ignore[no-any-return]


def _rounded(op: Builder, x: ir.Value, grid: Grid, *, saturate: bool) -> ir.Value:
    """x (float32) to the nearest value of the grid, to the even one of two."""
    lowest, highest = 2.0**grid.low, 2.0 ** float(np.floor(np.log2(grid.largest)))
    magnitude = op.Where(op.IsNaN(x), 1.0, op.Clip(op.Abs(x), lowest, highest))
    step = op.Div(_floor_power(op, magnitude, grid.low), float(grid.steps))
    near = op.Mul(op.Round(op.Div(x, step)), step)
    if saturate or grid.saturates:
        kept = op.Clip(near, -grid.largest, grid.largest)
        return op.Where(op.IsNaN(x), 0.0 if grid.saturates else x, kept)  # type: ignore[no-any-return]
    if np.isnan(grid.overflow):
        beyond: ir.Value = op.constant(np.nan, np.float32)
    else:
        beyond = op.Where(op.Less(x, 0.0), -grid.overflow, op.constant(grid.overflow, np.float32))
    inside = op.LessOrEqual(op.Abs(near), grid.largest)
    return op.Where(op.Or(inside, op.IsNaN(x)), near, beyond)  # type: ignore[no-any-return]


def _floor_power(op: Builder, x: ir.Value, low: int) -> ir.Value:
    """The largest power of two that is not above x, for x of 2**low to 2**127.

    The logarithm may be off by an ulp, and so the power by one: both neighbours are compared.
    """
    powers = np.ldexp(np.float32(1), np.arange(low, 128)).astype(np.float32)
    place = op.Sub(op.Floor(op.Div(op.Log(x), float(np.log(2.0)))), float(low))
    index = op.cast(op.Clip(place, 0.0, float(len(powers) - 1)), np.int64)
    guess = op.Gather(op.constant(powers), index, axis=0)
    guess = op.Where(op.Greater(guess, x), op.Mul(guess, 0.5), guess)
    twice = op.Mul(guess, 2.0)
    return op.Where(op.LessOrEqual(twice, x), twice, guess)  # type: ignore[no-any-return]


def _power(op: Builder, x: ir.Value, mode: str) -> ir.Value:
    """x (float32, not negative) as a power of two of 2**-127 to 2**127: float8e8m0 has no others.

    The least is subnormal in float32, where frameworks flush what they compute: it is chosen.
    """
    least, normal = 2.0**-127, 2.0**-126
    below = _floor_power(op, op.Where(op.IsNaN(x), 1.0, op.Clip(x, normal, 2.0**127)), -126)
    above = op.Where(op.Equal(below, 2.0**127), below, op.Mul(below, 2.0))
    if mode == "down":
        power = below
    elif mode == "up":
        power = op.Where(op.Greater(x, below), above, below)
    elif mode == "nearest":
        power = op.Where(op.GreaterOrEqual(x, op.Mul(below, 1.5)), above, below)
    else:
        raise Refusal(f"the rounding '{mode}'")
    tiny = op.Less(x, normal) if mode == "down" else op.LessOrEqual(x, least)
    return op.Where(op.IsNaN(x), x, op.Where(tiny, op.constant(least, np.float32), power))  # type: ignore[no-any-return]
