"""Sampling an image where a grid points."""

from __future__ import annotations

import itertools

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, rank
from interop.source.values import Refusal

_CUBIC = -0.75


def grid_sample(op: Builder, node: Operator) -> ir.Value:
    """x [N, C, D1, …, Dk] at grid [N, O1, …, Ok, k], whose last axis runs from Dk to D1."""
    x, grid = node[0], node[1]
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(
        node.attribute("mode"), node.attribute("mode")
    )
    aligned = bool(node.attribute("align_corners"))
    padding = node.attribute("padding_mode")
    count = rank(x) - 2
    grid = op.cast(grid, np.float32)
    points = op.Split(grid, op.constant([1] * count, np.int64), axis=-1, outputs=count)
    taps = []
    for axis, point in zip(range(2, rank(x)), reversed(points), strict=True):
        length = op.cast(op.size(x, axis), np.float32)
        at = _denormalized(op, point, length, aligned)
        if mode != "cubic":
            at = _inside(op, at, length, padding, aligned)
        taps.append([
            (*_pixel(op, index, length, padding, aligned), weight)
            for index, weight in _taps(op, at, mode)
        ])  # fmt: skip
    last = op.Transpose(x, perm=[0, *range(2, rank(x)), 1])
    total = None
    for corner in itertools.product(*taps):
        where = op.Concat(*(op.cast(index, np.int64) for index, _, _ in corner), axis=-1)
        value = op.GatherND(last, where, batch_dims=1)  # [N, O1, …, Ok, C]
        for factor in [part for _, *parts in corner for part in parts if part is not None]:
            value = op.Mul(value, op.CastLike(factor, value))
        total = value if total is None else op.Add(total, value)
    return op.Transpose(total, perm=[0, rank(x) - 1, *range(1, rank(x) - 1)])  # type: ignore[no-any-return]


def _denormalized(op: Builder, at: ir.Value, length: ir.Value, aligned: bool) -> ir.Value:
    shifted = op.Add(at, 1.0)
    if aligned:
        return op.Mul(op.Div(shifted, 2.0), op.Sub(length, 1.0))  # type: ignore[no-any-return]
    return op.Div(op.Sub(op.Mul(shifted, length), 1.0), 2.0)  # type: ignore[no-any-return]


def _inside(op: Builder, at: ir.Value, length: ir.Value, padding: str, aligned: bool) -> ir.Value:
    if padding == "zeros":
        return at
    last = op.Sub(length, 1.0)
    if padding == "border":
        return op.Min(op.Max(at, 0.0), last)  # type: ignore[no-any-return]
    # Reflected about the outermost pixels' centres, or about their outer edges.
    low = 0.0 if aligned else -0.5
    span = last if aligned else length
    # One pixel has no centres to reflect between.
    span = op.Max(span, 1.0)
    offset = op.Abs(op.Sub(at, low))
    folds = op.Floor(op.Div(offset, span))
    within = op.Sub(offset, op.Mul(folds, span))
    odd = op.Equal(op.Mod(folds, 2.0, fmod=1), 1.0)
    return op.Add(op.Where(odd, op.Sub(span, within), within), low)  # type: ignore[no-any-return]


def _taps(op: Builder, at: ir.Value, mode: str) -> list[tuple[ir.Value, ir.Value | None]]:
    """Per axis the pixels that take part, and their weights."""
    if mode == "nearest":
        return [(op.Round(at), None)]
    low = op.Floor(at)
    part = op.Sub(at, low)
    if mode == "linear":
        return [(low, op.Sub(1.0 * np.ones((), np.float32), part)), (op.Add(low, 1.0), part)]
    if mode != "cubic":
        raise Refusal(f"mode {mode!r}")
    return [
        (op.Add(low, float(shift)), cubic(op, op.Abs(op.Sub(part, float(shift))), near, _CUBIC))
        for shift, near in ((-1, False), (0, True), (1, True), (2, False))
    ]


def cubic(op: Builder, distance: ir.Value, near: bool, a: float) -> ir.Value:
    """Keys' kernel: below a distance of one (`near`), or from one to two."""
    parts = (a + 2, -(a + 3), 0.0, 1.0) if near else (a, -5 * a, 8 * a, -4 * a)
    total: ir.Value = op.Mul(distance, parts[0])
    for part in parts[1:-1]:
        total = op.Mul(op.Add(total, part), distance)
    return op.Add(total, parts[-1])  # type: ignore[no-any-return]


def _pixel(
    op: Builder, index: ir.Value, length: ir.Value, padding: str, aligned: bool
) -> tuple[ir.Value, ir.Value | None]:
    """An index that exists, and what its value is multiplied by."""
    last = op.Sub(length, 1.0)
    if padding == "reflection":
        index = op.Round(_inside(op, index, length, padding, aligned))
    clipped = op.Min(op.Max(index, 0.0), last)
    if padding != "zeros":
        return clipped, None
    return clipped, op.cast(op.Equal(clipped, index), np.float32)


def affine_grid(op: Builder, node: Operator) -> ir.Value:
    """theta [N, k, k + 1] and size (N, C, D1, …, Dk): a grid [N, D1, …, Dk, k]."""
    theta, size = node[0], node[1]
    if size.shape is None or not isinstance(size.shape[0], int):
        raise Refusal("the number of dimensions is not known")
    count = size.shape[0] - 2
    wide = op.cast(theta, np.float32)
    bases = []
    lengths = [op.Slice(size, [2 + axis], [3 + axis]) for axis in range(count)]
    whole = op.vector(*lengths, 1)
    for axis in reversed(range(count)):
        at = op.range(lengths[axis], np.float32)
        length = op.cast(lengths[axis], np.float32)
        if node.attribute("align_corners"):
            # A single point stands in the middle of nothing: at -1.
            line = op.Sub(op.Div(op.Mul(at, 2.0), op.Max(op.Sub(length, 1.0), 1.0)), 1.0)
        else:
            line = op.Sub(op.Div(op.Add(op.Mul(at, 2.0), 1.0), length), 1.0)
        spread = op.reshape(line, *([1] * axis + [-1] + [1] * (count - axis)))
        bases.append(op.Expand(spread, whole))
    bases.append(op.Expand(op.constant(1.0, np.float32), whole))
    flat = op.reshape(op.Concat(*bases, axis=-1), -1, count + 1)
    points = op.MatMul(flat, op.Transpose(wide, perm=[0, 2, 1]))
    shaped = op.Reshape(points, op.vector(op.Slice(size, [0], [1]), *lengths, count))
    return op.CastLike(shaped, theta)  # type: ignore[no-any-return]
