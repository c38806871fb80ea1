"""Resize over channels-last data, where it is a repetition or a bilinear resize of Keras's own."""

from __future__ import annotations

from typing import Any

from interop.converters.keras.lowerings.common import call, layers

from interop.source.expression import Expression
from interop.source.values import Refusal, Value


def resize(
    x: Value, roi: Value | None = None, scales: Value | None = None, sizes: Value | None = None, *,
    antialias: int = 0, axes: list[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel", cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0, extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch", mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Expression:  # fmt: skip
    factors = _factors(x, scales, sizes, axes)
    half = coordinate_transformation_mode in ("half_pixel", "pytorch_half_pixel")
    repeated = mode == "nearest" and (
        (coordinate_transformation_mode == "asymmetric" and nearest_mode == "floor")
        or (half and nearest_mode in ("round_prefer_floor", "round_prefer_ceil"))
    )
    if not (repeated or (mode == "linear" and half)) or antialias:
        raise Refusal("only whole nearest and half-pixel linear enlargements are covered")
    if x.dtype != "float32" or x.known_rank != 4 or keep_aspect_ratio_policy != "stretch":
        raise Refusal("only of float32 images")
    options: dict[str, Any] = {} if mode == "nearest" else {"interpolation": "bilinear"}
    return call(layers.UpSampling2D(tuple(factors), **options), x)


def _factors(
    x: Value, scales: Value | None, sizes: Value | None, axes: list[int] | None
) -> list[int]:
    """The whole factors of height and width."""
    rank = x.known_rank
    positions = [a % rank for a in axes] if axes is not None else list(range(rank))
    factors = [1.0] * rank
    if scales is not None and (scales.constant is None or scales.constant.size):
        for axis, factor in zip(positions, scales.required("scales"), strict=True):
            factors[axis] = float(factor)
    elif sizes is not None:
        if sizes.elements is None:
            raise Refusal("sizes that depend on data")
        for axis, size in zip(positions, sizes.elements, strict=True):
            old = x.dim(axis)
            if axis in (0, rank - 1):
                continue
            if not isinstance(size, int) or not old:
                raise Refusal("dynamic sizes")
            factors[axis] = size / old
    if rank != 4 or factors[0] != 1 or factors[3] != 1:
        raise Refusal("only height and width are resized")
    if any(f < 1 or f != int(f) for f in factors):
        raise Refusal("factors that are not whole")
    return [int(factors[1]), int(factors[2])]
