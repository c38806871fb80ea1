"""Resize and its relatives over channels-last data."""

from __future__ import annotations

from typing import Any

from interop.converters.tensorflow.lowerings.common import tf

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value


def resize(
    x: Value, roi: Value | None = None, scales: Value | None = None, sizes: Value | None = None, *,
    antialias: int = 0, axes: list[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel", cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0, extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch", mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Expression:  # fmt: skip
    """Separable: each axis that changes is interpolated by a matrix or a gather of its own."""
    if coordinate_transformation_mode == "tf_crop_and_resize":
        raise Refusal("coordinate mode tf_crop_and_resize is not covered")
    if antialias and mode != "nearest":
        raise Refusal("antialias is not covered")
    if keep_aspect_ratio_policy != "stretch":
        raise Refusal(f"keep_aspect_ratio_policy {keep_aspect_ratio_policy} is not covered")
    rank = x.known_rank
    positions = [a % rank for a in axes] if axes is not None else list(range(rank))
    if scales is not None and (scales.constant is None or scales.constant.size):
        factors: list[Any] | None = (
            [float(f) for f in scales.constant]
            if scales.constant is not None
            else [scales[index] for index in range(len(positions))]
        )
    else:
        factors = None
    if factors is None and sizes is None:
        raise Refusal("neither scales nor sizes are given")
    spatial = [p for p in range(rank) if p in positions]
    if mode == "nearest" and _is_repeat(factors, coordinate_transformation_mode, nearest_mode):
        result: Expression = x
        for index, axis in enumerate(positions):
            if factors is not None and factors[index] != 1:
                result = tf.repeat(result, int(factors[index]), axis=axis)
        return result
    result = x
    for axis in spatial:
        index = positions.index(axis)
        if factors is not None:
            factor, size = factors[index], None
            if not isinstance(factor, Expression) and factor == 1:
                continue
        else:
            assert sizes is not None
            factor = None
            size = sizes.ints("sizes")[index] if sizes.constant is not None else sizes[index]
            if x.dim(axis) is not None and x.dim(axis) == size:
                continue
            if sizes.constant is None and axis in (0, rank - 1):
                continue  # batch and channels do not change; only their sizes are passed along
        result = Symbol("resize_axis")(
            result, axis, size=size, scale=factor, mode=mode,
            coordinates=coordinate_transformation_mode, nearest=nearest_mode, cubic=cubic_coeff_a,
            exclude_outside=bool(exclude_outside),
        )  # fmt: skip
    return result


def _is_repeat(factors: list[Any] | None, coordinates: str, nearest: str) -> bool:
    """Whole factors, where each pixel is simply repeated."""
    if factors is None or any(isinstance(f, Expression) for f in factors):
        return False
    if any(f != int(f) or f < 1 for f in factors):
        return False
    return (coordinates == "asymmetric" and nearest == "floor") or (
        coordinates in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
        and nearest in ("round_prefer_floor", "round_prefer_ceil")
    )
