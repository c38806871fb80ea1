"""Rounding of arrays: half a unit of noise in the last place, and the grids of narrower floats.

Weights and inputs are prepared here, before they go into an emulated run. A perturbed run rounds
them *stochastically* (up or down, so that the mean is the value itself), since a run that rounds
to nearest has drawn but one of the errors that the grid can make.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from interop.parity.floor.precisions import BFLOAT16, FLOAT8, FLOAT16, TF32, Precision

Array = np.ndarray[Any, Any]

#: One element in eight goes up by a unit in the last place, one in eight down: rms 1/2.
EIGHTH = 8

_CHUNK = 1 << 16  # elements: what stays in the cache

#: Low bits of a float32 significand that the grid has not.
DROPPED = {TF32.name: 13, FLOAT16.name: 13, BFLOAT16.name: 16, FLOAT8.name: 20}


def perturb(array: Array, rng: np.random.Generator) -> Array:
    """`array` with half an ULP of noise (rms, mean zero) in its own float type; integers, zeros
    and non-finite values stay, and so does an array that is not float32 or float64."""
    if array.dtype not in (np.float32, np.float64):
        return array
    flat = np.ascontiguousarray(array).reshape(-1)
    moved = np.empty_like(flat)
    for start in range(0, flat.size, _CHUNK):
        moved[start : start + _CHUNK] = _perturbed(flat[start : start + _CHUNK], rng)
    return moved.reshape(array.shape)


def _perturbed(array: Array, rng: np.random.Generator) -> Array:
    draw = rng.integers(0, EIGHTH, array.shape, dtype=np.uint8)
    step = np.asarray(np.equal(draw, 0).astype(np.int8) - np.equal(draw, 1))
    step[(array == np.rint(array)) | np.isnan(array)] = 0
    whole = np.int32 if array.dtype == np.float32 else np.int64
    # Neighbours of a float are its bits as an integer, plus or minus one.
    return np.asarray(array.view(whole) + step).view(array.dtype)


def to_grid(array: Array, precision: Precision, rng: np.random.Generator | None) -> Array:
    """`array` (float32) on the grid of a narrower float, still as float32: to nearest, even for
    ties, or stochastically with `rng`. What is beyond the range of float16 becomes infinite."""
    dropped = DROPPED[precision.name]
    bits = array.view(np.uint32)
    noise = _to_nearest(bits, dropped)
    if rng is not None:
        noise = np.asarray(rng.integers(0, 1 << dropped, array.shape, dtype=np.uint32))
    with np.errstate(over="ignore"):
        rounded = ((bits + noise) & np.uint32(-(1 << dropped) & 0xFFFFFFFF)).view(np.float32)
    result = np.asarray(np.where(np.isfinite(array), rounded, array))
    with np.errstate(over="ignore"):
        if precision == FLOAT16:  # its subnormals are coarser, and it ends at 65504
            source = array if rng is None else result
            return source.astype(np.float16).astype(np.float32)
        if precision == BFLOAT16:
            return result.astype(ml_dtypes.bfloat16).astype(np.float32)
        if precision == FLOAT8:  # as float16; it ends at 448, and has nothing beyond
            source = array if rng is None else result
            return source.astype(ml_dtypes.float8_e4m3fn).astype(np.float32)
    return result


def _to_nearest(bits: Array, dropped: int) -> Array:
    """What to add before the low bits are cut off: half a unit, less a hair to keep ties even."""
    return np.asarray(((bits >> dropped) & 1) + np.uint32((1 << (dropped - 1)) - 1))


def to_scaled_grid(
    array: Array, precision: Precision, axis: int | None, rng: np.random.Generator | None
) -> Array:
    """`array` (float32) on a grid that is scaled so that its last number is the largest of each index of
    `axis` (a channel), or of the whole with None: 255 integers, or the numbers of float8."""
    assert precision.largest is not None
    last = np.float32(precision.largest)
    axes = None if axis is None else tuple(i for i in range(array.ndim) if i != axis % array.ndim)
    reach = np.max(np.abs(array), axis=axes, keepdims=True, initial=0.0)
    scale = np.where(reach > 0, reach / last, np.float32(1))
    steps = np.clip(array / scale, -last, last)
    if precision == FLOAT8:
        return np.asarray(to_grid(steps, precision, rng) * scale, dtype=np.float32)
    whole = np.rint(steps) if rng is None else np.floor(steps + rng.random(array.shape, np.float32))
    return np.asarray(np.clip(whole, -last, last) * scale, dtype=np.float32)
