"""Resize and grids."""

from __future__ import annotations

from typing import Any

from interop.converters.torch.lowerings.common import FLOATS, F, same_or_list, sizes

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
    """F.interpolate where it means the same; else each axis that changes by itself."""
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
    plain = coordinates != "tf_crop_and_resize" and keep_aspect_ratio_policy == "stretch"
    if plain and not (antialias and mode != "nearest") and isinstance(factors or new, list):
        native = _native(
            x, where, factors, new, coordinates, cubic_coeff_a, bool(exclude_outside), mode,
            nearest_mode,
        )  # fmt: skip
        if native is not None:
            return native
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


_INTERPOLATION = {
    (1, "linear"): "linear", (2, "linear"): "bilinear", (3, "linear"): "trilinear",
    (2, "cubic"): "bicubic",
}  # fmt: skip


def _native(
    x: Value, where: list[int], factors: list[float] | None, new: Any, coordinates: str,
    cubic: float, exclude_outside: bool, mode: str, nearest: str,
) -> Expression | None:  # fmt: skip
    """F.interpolate over all axes but the first two."""
    rank = x.known_rank
    spatial = list(range(2, rank))
    if (
        not spatial
        or x.known_dtype not in FLOATS
        or (new is not None and not isinstance(new, list))
    ):
        return None
    given = dict(zip(where, factors if factors is not None else new, strict=True))
    for axis in set(given) - set(spatial):
        if given[axis] != 1 if factors is not None else str(given[axis]) != str(x.size(axis)):
            return None
    if any(axis not in given for axis in spatial):
        return None
    values = [given[axis] for axis in spatial]
    word, options = "", {}
    plain = _plain(x, spatial, factors, values, coordinates)
    if mode == "nearest":
        whole = factors is not None and all(v == int(v) for v in values)
        halves = coordinates in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
        if coordinates == "asymmetric" and nearest == "floor":
            word = "nearest"
        elif (
            halves
            and plain
            and (nearest == "round_prefer_ceil" or (whole and nearest == "round_prefer_floor"))
        ):
            word = "nearest-exact"
    else:
        word = _INTERPOLATION.get((len(spatial), mode), "")
        if mode == "cubic" and (cubic != -0.75 or exclude_outside):
            word = ""
        if coordinates == "align_corners":
            if factors is not None:
                return None  # a fractional size would count
            options["align_corners"] = True
        elif coordinates not in ("half_pixel", "pytorch_half_pixel") or not plain:
            word = ""
    if not word:
        return None
    if factors is not None:
        options["scale_factor"] = same_or_list([int(v) if v == int(v) else v for v in values])
    else:
        options["size"] = values
    return F.interpolate(x, mode=word, **options)


def _plain(
    x: Value, spatial: list[int], factors: list[float] | None, values: list[Any], coordinates: str
) -> bool:
    """Whether the coordinates are those of half_pixel: relatives differ in special cases."""
    if coordinates == "half_pixel_symmetric":  # sizes that are no whole multiples
        return factors is None
    if coordinates != "pytorch_half_pixel":
        return True
    if factors is None:  # an axis that shrinks to one entry
        return all(isinstance(size, int) and size > 1 for size in values)
    return all(v >= 2 or (x.dim(a) or 0) * v >= 2 for a, v in zip(spatial, values, strict=True))


def grid_sample(
    x: Value, grid: Value, *, align_corners: int = 0, mode: str = "linear",
    padding_mode: str = "zeros",
) -> Expression:  # fmt: skip
    rank = x.known_rank - 2
    words = {"linear": "bilinear", "bilinear": "bilinear", "nearest": "nearest",
             "cubic": "bicubic", "bicubic": "bicubic"}  # fmt: skip
    word = words[mode]
    if rank not in (2, 3) or (rank == 3 and word == "bicubic"):
        raise Refusal(f"mode {mode} in {rank} dimensions")
    return F.grid_sample(
        x, grid, mode=word, padding_mode=padding_mode, align_corners=bool(align_corners)
    )


def affine_grid(theta: Value, size: Value, *, align_corners: int = 0) -> Expression:
    return F.affine_grid(theta, sizes(size), align_corners=bool(align_corners))
