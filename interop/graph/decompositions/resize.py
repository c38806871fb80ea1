"""Resize: along each axis a gather (nearest), or a product with a matrix of weights.

The formulas stand here once, on numbers where the scales are constant and on nodes where they are data.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, known, rank, sizes
from interop.source.values import Refusal


class _Numbers:
    """The operators that the formulas use, on NumPy's arrays."""

    Add, Sub, Mul, Div = np.add, np.subtract, np.multiply, np.divide
    Floor, Ceil, Abs, MatMul = np.floor, np.ceil, np.abs, np.matmul
    Max, Min, Less, LessOrEqual = np.maximum, np.minimum, np.less, np.less_equal
    Where = staticmethod(np.where)

    @staticmethod
    def ReduceSum(x: np.ndarray, axes: list[int], keepdims: int) -> np.ndarray:
        return np.sum(x, axis=tuple(axes), keepdims=bool(keepdims))

    @staticmethod
    def Unsqueeze(x: np.ndarray, axes: list[int]) -> np.ndarray:
        return np.expand_dims(x, tuple(axes))

    @staticmethod
    def cast(x: np.ndarray, dtype: Any) -> np.ndarray:
        return np.asarray(x).astype(dtype)


def resize(op: Builder, node: Operator) -> ir.Value:
    x, roi, scales, wanted = node[0], node.get(1), node.get(2), node.get(3)
    own, made = sizes(x), node.output_shape()
    axes = [axis % rank(x) for axis in node.attribute("axes") or range(rank(x))]
    coordinates = node.attribute("coordinate_transformation_mode", "half_pixel")
    mode = node.attribute("mode", "nearest")
    if scales is not None and scales.const_value is not None and not scales.const_value.size:
        scales = None
    exact = _exact(op, node, own, axes, wanted)
    integer = x.dtype is not None and x.dtype.is_integer()
    result = x if mode == "nearest" else op.cast(x, np.float32)
    for place, axis in enumerate(axes):
        factor = _scale(op, scales, place) if scales is not None else exact[place]
        crop = _crop(op, roi, place, len(axes)) if coordinates == "tf_crop_and_resize" else None
        old = own[axis]
        new = None if made is None else made[axis]
        if (
            crop is None
            and not isinstance(factor, ir.Value)
            and factor == 1.0
            and new in (old, None)
        ):
            continue
        if old is None or new is None:
            raise Refusal(f"the sizes along axis {axis} are not known")
        calc = op if any(isinstance(v, ir.Value) for v in (factor, *(crop or ()))) else _Numbers()
        at = _coordinates(calc, coordinates, old, new, factor, scales is not None, crop)
        if mode == "nearest":
            picked = _nearest(calc, at, old, node.attribute("nearest_mode", "round_prefer_floor"))
            result = op.Gather(result, calc.cast(picked, np.int64), axis=axis)
        else:
            weights = _weights(calc, at, old, new, factor, node)
            result = _product(op, result, weights, axis, rank(x))
        if crop is not None:
            inside = _inside(calc, at, old)
            behind = list(range(1, rank(x) - axis))
            kept = calc.Unsqueeze(inside, behind) if behind else inside
            outside = float(node.attribute("extrapolation_value", 0.0))
            result = op.Where(_value(op, kept), result, outside)
    if mode != "nearest" and integer and x.dtype is not None:
        limits = np.iinfo(x.dtype.numpy())
        result = op.Clip(op.Round(result), float(limits.min), float(limits.max))
    if result is x:
        return op.Identity(x)  # type: ignore[no-any-return]
    return result if mode == "nearest" else op.cast(result, x.dtype)


def _value(op: Builder, x: Any) -> ir.Value:
    return x if isinstance(x, ir.Value) else op.constant(x)


def _exact(
    op: Builder, node: Operator, own: list[int | None], axes: list[int], wanted: ir.Value | None
) -> list[Any]:
    """The scales that wanted sizes ask for: each its own, or one for all that keeps the aspect."""
    if wanted is None:
        return []
    made = node.output_shape()
    policy = node.attribute("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        pairs = [(own[a], None if made is None else made[a]) for a in axes]
        return [
            np.float32(new / old) if old and new is not None else np.float32(1)
            for old, new in pairs
        ]
    listed = known(wanted)
    if any(not own[axis] for axis in axes):
        raise Refusal("the sizes that keep the aspect are not known")
    if listed is None:
        lengths = np.array([own[axis] for axis in axes], np.float32)
        quotients = op.Div(op.cast(wanted, np.float32), lengths)
        choose = op.ReduceMax if policy == "not_smaller" else op.ReduceMin
        return [choose(quotients, [0], keepdims=1)] * len(axes)
    ratios = [int(new) / float(own[a] or 1) for new, a in zip(listed, axes, strict=True)]
    return [np.float32(max(ratios) if policy == "not_smaller" else min(ratios))] * len(axes)


def _scale(op: Builder, scales: ir.Value, place: int) -> Any:
    listed = known(scales)
    if listed is not None:
        return np.float32(listed[place])
    return op.cast(op.slice(scales, 0, place, place + 1), np.float32)


def _crop(op: Builder, roi: ir.Value | None, place: int, count: int) -> tuple[Any, Any]:
    if roi is None:
        raise Refusal("a crop needs its region")
    listed = known(roi)
    if listed is not None:
        return np.float32(listed[place]), np.float32(listed[place + count])
    parts = [op.slice(roi, 0, i, i + 1) for i in (place, place + count)]
    return op.cast(parts[0], np.float32), op.cast(parts[1], np.float32)


def _coordinates(
    calc: Any, mode: str, old: int, new: int, factor: Any, scaled: bool, crop: Any
) -> Any:
    """Where each of `new` results lies among the `old` entries: float32[new]."""
    target, length = np.arange(new, dtype=np.float32), np.float32(old)
    stretched = calc.Mul(factor, length) if scaled else np.float32(new)
    if mode == "asymmetric":
        return calc.Div(target, factor)
    if mode == "align_corners":
        span = calc.Sub(stretched, np.float32(1))
        ratio = calc.Div(calc.Mul(target, length - np.float32(1)), calc.Max(span, np.float32(1e-9)))
        return calc.Where(calc.LessOrEqual(span, np.float32(0)), np.zeros_like(target), ratio)
    if mode == "tf_crop_and_resize":
        last = length - np.float32(1)
        start, end = calc.Mul(crop[0], last), calc.Mul(crop[1], last)
        if new == 1:
            return calc.Mul(calc.Add(start, end), np.full(1, 0.5, np.float32))
        step = calc.Div(calc.Sub(end, start), np.float32(new - 1))
        return calc.Add(calc.Mul(target, step), start)
    place = calc.Sub(calc.Div(target + np.float32(0.5), factor), np.float32(0.5))
    if mode == "pytorch_half_pixel":
        return place if new > 1 else np.zeros(1, np.float32)
    if mode == "half_pixel_symmetric":
        shift = calc.Sub(np.float32(1), calc.Div(np.float32(new), stretched))
        return calc.Add(place, calc.Mul(shift, length / np.float32(2)))
    if mode != "half_pixel":
        raise Refusal(f"coordinates {mode}")
    return place


def _nearest(calc: Any, at: Any, old: int, how: str) -> Any:
    half = np.float32(0.5)
    if how == "floor":
        rounded = calc.Floor(at)
    elif how == "ceil":
        rounded = calc.Ceil(at)
    elif how == "round_prefer_floor":
        rounded = calc.Ceil(calc.Sub(at, half))
    else:
        rounded = calc.Floor(calc.Add(at, half))
    return calc.Min(calc.Max(rounded, np.float32(0)), np.float32(old - 1))


def _inside(calc: Any, at: Any, old: int) -> Any:
    inside = calc.Sub(calc.Abs(calc.Sub(at, np.float32((old - 1) / 2))), np.float32((old - 1) / 2))
    return calc.LessOrEqual(inside, np.float32(0))


def _weights(calc: Any, at: Any, old: int, new: int, factor: Any, node: Operator) -> Any:
    """The share of each entry in each result: [new, old]. What lies outside counts for the edge."""
    cubic = node.attribute("mode") == "cubic"
    reach, squeezed = 2 if cubic else 1, np.float32(1)
    margin = reach + 1
    if node.attribute("antialias", 0):
        squeezed = calc.Min(factor, np.float32(1))
        margin = math.ceil(reach * max(1.0, old / max(new, 1))) + 2
    places = np.arange(-margin, old + margin, dtype=np.float32)
    distance = calc.Abs(calc.Mul(calc.Sub(places, calc.Unsqueeze(at, [1])), squeezed))
    one = np.float32(1)
    if cubic:
        a = np.float32(node.attribute("cubic_coeff_a", -0.75))
        square = calc.Mul(distance, distance)
        near = calc.Add(calc.Mul(calc.Sub(calc.Mul(distance, a + 2), a + 3), square), one)
        inner = calc.Add(calc.Mul(calc.Sub(calc.Mul(distance, a), 5 * a), distance), 8 * a)
        far = calc.Sub(calc.Mul(inner, distance), 4 * a)
        zero = np.float32(0)
        outer = calc.Where(calc.Less(distance, np.float32(2)), far, zero)
        weights = calc.Where(calc.LessOrEqual(distance, one), near, outer)
    else:
        weights = calc.Max(calc.Sub(one, distance), np.float32(0))
    outside = node.attribute("exclude_outside", 0)
    if outside:
        weights = calc.Mul(weights, ((places >= 0) & (places < old)).astype(np.float32))
    if outside or node.attribute("antialias", 0):
        weights = calc.Div(weights, calc.ReduceSum(weights, [1], keepdims=1))
    edges = np.clip(places, 0, old - 1).astype(np.int64)
    return calc.MatMul(weights, np.eye(old, dtype=np.float32)[edges])


def _product(op: Builder, x: ir.Value, weights: Any, axis: int, count: int) -> ir.Value:
    """`x`, of `count` axes, times the weights [new, old] along one of them."""
    order = [a for a in range(count) if a != axis] + [axis]
    if isinstance(weights, ir.Value):
        weights = op.Transpose(weights, perm=[1, 0])
    else:
        weights = np.ascontiguousarray(weights.T)
    if axis == count - 1:
        return op.MatMul(x, weights)  # type: ignore[no-any-return]
    made = op.MatMul(op.Transpose(x, perm=order), weights)
    return op.Transpose(made, perm=[order.index(a) for a in range(count)])  # type: ignore[no-any-return]
