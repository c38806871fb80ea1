"""Resize."""

from __future__ import annotations

from typing import Any

from interop.converters.jax.lowerings.common import sizes

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value


def resize(
    x: Value, roi: Value | None = None, scales: Value | None = None, wanted: Value | None = None,
    *, antialias: int = 0, axes: list[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel", cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0, extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch", mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Expression:  # fmt: skip
    """Each axis that changes by itself."""
    coordinates = coordinate_transformation_mode
    rank = x.known_rank
    where = [a % rank for a in axes] if axes is not None else list(range(rank))
    factors: Any = None
    new: Any = None
    if scales is not None and (scales.constant is None or scales.constant.size):
        known = scales.constant
        factors = scales.method("tolist") if known is None else [float(f) for f in known]
    elif wanted is not None:
        new = sizes(wanted)
    else:
        raise Refusal("neither scales nor sizes are given")
    if isinstance(factors, list):  # axes that keep their size need no words
        kept = [i for i, f in enumerate(factors) if f != 1 or coordinates == "tf_crop_and_resize"]
        if coordinates != "tf_crop_and_resize":
            where, factors = [where[i] for i in kept], [factors[i] for i in kept]
    options: dict[str, Any] = {"mode": mode, "coordinates": coordinates}
    if mode == "nearest":
        options["nearest"] = nearest_mode
    if mode == "cubic":
        options["cubic"] = cubic_coeff_a
    if exclude_outside:
        options["exclude_outside"] = True
    if antialias and mode != "nearest":
        options["antialias"] = True
    if keep_aspect_ratio_policy != "stretch":
        options["policy"] = keep_aspect_ratio_policy
    if coordinates == "tf_crop_and_resize":
        if roi is None:
            raise Refusal("the region of interest is not given")
        options["roi"] = (
            roi.method("tolist") if roi.constant is None else [float(r) for r in roi.constant]
        )
        options["extrapolation"] = extrapolation_value
    return Symbol("resize")(x, where, new, factors, **options)
