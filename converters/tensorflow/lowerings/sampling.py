"""Resize and its relatives over channels-last data."""

from __future__ import annotations

from typing import Any

from interop.converters.tensorflow.lowerings.common import INTEGERS, dtype, tf

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
    rank = x.known_rank
    positions = [a % rank for a in axes] if axes is not None else list(range(rank))
    repeats = whole_repeats(x, scales, axes, mode, coordinate_transformation_mode, nearest_mode)
    if repeats is not None:
        repeated: Expression = x
        for axis, count in repeats.items():
            repeated = tf.repeat(repeated, count, axis=axis)
        return repeated
    factors: list[Any] | None = None
    if scales is not None and (scales.constant is None or scales.constant.size):
        factors = (
            [float(f) for f in scales.constant]
            if scales.constant is not None
            else [scales[index] for index in range(len(positions))]
        )
    elif sizes is None:
        raise Refusal("neither scales nor sizes are given")
    options: dict[str, Any] = {
        "mode": mode, "coordinates": coordinate_transformation_mode, "nearest": nearest_mode,
        "cubic": cubic_coeff_a, "exclude_outside": bool(exclude_outside),
    }  # fmt: skip
    if antialias and mode != "nearest":
        options["antialias"] = True
    rounded = x.known_dtype in INTEGERS and mode != "nearest"
    result: Expression = tf.cast(x, tf.float32) if rounded else x
    if keep_aspect_ratio_policy != "stretch" and factors is None:
        assert sizes is not None
        wanted = sizes if sizes.constant is None else sizes.ints("sizes")
        larger = keep_aspect_ratio_policy == "not_smaller"
        result = Symbol("resize_keeping_aspect")(result, wanted, positions, larger, **options)
    else:
        crop = roi if coordinate_transformation_mode == "tf_crop_and_resize" else None
        for axis in sorted(positions):
            index = positions.index(axis)
            if crop is not None:
                parts = [crop[index], crop[index + len(positions)]]
                if crop.constant is not None:
                    parts = [float(crop.constant[i]) for i in (index, index + len(positions))]
                options.update(roi=parts, outside=extrapolation_value)
            whole = crop is None or options["roi"] == [0.0, 1.0]
            size = None if factors is not None or sizes is None else _entry(sizes, index)
            factor = None if factors is None else factors[index]
            if whole and (_is(factor, 1) or (size is not None and _is(size, x.dim(axis)))):
                continue
            if whole and isinstance(size, Expression) and axis in (0, rank - 1):
                continue  # batch and channels do not change; only their sizes are passed along
            result = Symbol("resize_axis")(result, axis, size=size, scale=factor, **options)
    return tf.saturate_cast(tf.round(result), dtype(x.known_dtype)) if rounded else result


def _entry(sizes: Value, index: int) -> Any:
    return sizes.ints("sizes")[index] if sizes.constant is not None else sizes[index]


def _is(value: Any, number: int | None) -> bool:
    return not isinstance(value, Expression) and value is not None and value == number


def whole_repeats(
    x: Value,
    scales: Value | None,
    axes: list[int] | None,
    mode: str,
    coordinates: str,
    nearest: str,
) -> dict[int, int] | None:
    """How often each pixel is repeated along an axis, where that is all that a Resize does; else None."""
    if scales is None or scales.constant is None or not scales.constant.size or mode != "nearest":
        return None
    factors = [float(factor) for factor in scales.constant]
    by_place = (coordinates == "asymmetric" and nearest == "floor") or (
        coordinates in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
        and nearest in ("round_prefer_floor", "round_prefer_ceil")
    )
    if not by_place or any(factor != int(factor) or factor < 1 for factor in factors):
        return None
    rank = x.known_rank
    positions = [a % rank for a in axes] if axes is not None else list(range(rank))
    return {a: int(f) for a, f in zip(positions, factors, strict=True) if f != 1}
