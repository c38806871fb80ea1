"""The values of one input: how floats, indices, masks, lengths and whole numbers are drawn.

Only NumPy's bit streams, uniform and normal draws and exact arithmetic are used, so that a seed
gives the same numbers on every platform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from interop.errors import InvalidModel
from interop.parity.inputs.bounds import Allowed
from interop.signature import TensorSpec

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

#: What an additive mask adds where it hides: enough that a Softmax gives 0, and finite, so that a
#: row that hides everything is no NaN.
HIDDEN = -1e4

#: Share of the elements that are zero, negative zero or denormal among the edges.
EDGE_SHARE = 0.5


def is_float(dtype: str) -> bool:
    return dtype.startswith(("float", "bfloat"))


def dtype_of(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name)) if hasattr(ml_dtypes, name) else np.dtype(name)


def finfo(dtype: str) -> Any:
    """What NumPy's finfo says, of any float type."""
    return ml_dtypes.finfo(dtype_of(dtype))


def floats(kind: str, shape: Shape, dtype: str, scale: float, rng: np.random.Generator) -> Array:
    """Floats of a `kind` (a key of FLOATS) times `scale`, rounded to `dtype`."""
    return np.asarray(FLOATS[kind](shape, dtype, rng) * scale).astype(dtype_of(dtype))


def _normal(shape: Shape, dtype: str, rng: np.random.Generator) -> Array:
    return rng.standard_normal(shape)


def _uniform(shape: Shape, dtype: str, rng: np.random.Generator) -> Array:
    return rng.random(shape)


def _picture(shape: Shape, dtype: str, rng: np.random.Generator) -> Array:
    """Slopes of their own for each row and channel (the first two axes) under a little noise, made
    into the evenly spaced numbers of (-2, 2) in the order of their size.

    No value comes twice (below 2^23 elements in float32), and no flip, transposition or exchange
    of channels gives the picture back, not even after an average over a neighbourhood.
    """
    field = rng.random(shape) / 4
    for axis, length in enumerate(shape):
        ramp = np.arange(length, dtype=np.float64) / max(1, length - 1)
        steep = rng.random(shape[: min(axis, 2)]) * 2 - 1
        steep = steep.reshape(shape[: min(axis, 2)] + (1,) * (len(shape) - min(axis, 2)))
        field = field + steep * ramp.reshape((-1,) + (1,) * (len(shape) - axis - 1))
    values = np.empty(field.size)
    values[np.argsort(field, axis=None, kind="stable")] = np.arange(field.size)
    return ((2 * values + 1) / field.size - 1).reshape(shape) * 2


def _zeros(shape: Shape, dtype: str, rng: np.random.Generator) -> Array:
    return np.zeros(shape)


def _edges(shape: Shape, dtype: str, rng: np.random.Generator) -> Array:
    """Zeros of both signs, denormals of both signs and the smallest normal number, among normal."""
    info = finfo(dtype)
    least, normal = float(info.smallest_subnormal), float(info.smallest_normal)
    special = np.array([0.0, -0.0, least, -least, normal / 2, -normal / 2, normal, -normal])
    chosen = special[rng.integers(0, special.size, shape)]
    return np.where(rng.random(shape) < EDGE_SHARE, chosen, rng.standard_normal(shape))


def _non_finite(shape: Shape, dtype: str, rng: np.random.Generator) -> Array:
    """Normal numbers, with one NaN, one infinity and one negative infinity, each in a row (leading
    index) of its own where there are rows enough; the first row stays clean."""
    values = np.asarray(rng.standard_normal(shape))
    rows = values.reshape(values.shape[0] if values.ndim > 1 else -1, -1)
    if rows.size:
        for number, value in enumerate((np.nan, np.inf, -np.inf), start=1):
            rows[number % len(rows), int(rng.integers(0, rows.shape[1]))] = value
    return values


FLOATS: Mapping[str, Callable[[Shape, str, np.random.Generator], Array]] = {
    "normal": _normal,
    "uniform": _uniform,  # 0 to 1, as images are
    "negative": lambda shape, dtype, rng: -rng.random(shape),
    "picture": _picture,
    "zeros": _zeros,
    "edges": _edges,
    "non-finite": _non_finite,
}


def indices(
    spec: TensorSpec, shape: Shape, limits: Allowed, rng: np.random.Generator, *, ends: bool = False
) -> Array:
    """Whole numbers from `limits.low` up to and without `limits.high`; `ends`: only the first and
    the last of them. Raises InvalidModel where there is none."""
    assert limits.high is not None
    largest = None if is_float(spec.dtype) else np.iinfo(spec.dtype).max + 1
    high = limits.high if largest is None else min(limits.high, largest)
    if high <= limits.low:
        raise InvalidModel(
            f"input {spec.name!r} has no value that stays inside the table it indexes "
            f"(from {limits.low}, below {high})",
            hint="Give your own by --data FILE.npz.",
        )
    if ends:
        return np.where(rng.random(shape) < 0.5, limits.low, high - 1).astype(dtype_of(spec.dtype))
    return np.asarray(rng.integers(limits.low, high, size=shape), dtype=spec.dtype)


def numbers(shape: Shape, dtype: str, rng: np.random.Generator) -> Array:
    """Whole numbers of both signs, small ones and, as far as the type holds them, some beyond 16
    and 32 bits."""
    info = np.iinfo(dtype)
    special = [n for n in (2**15 + 3, 2**31 + 5, -(2**31) - 7) if info.min <= n <= info.max]
    pool = np.array([*range(max(info.min, -7), min(info.max, 7) + 1), *special], dtype=dtype)
    return np.asarray(pool[rng.integers(0, pool.size, shape)])


def scattered(shape: Shape, rng: np.random.Generator) -> Array:
    """Zeros and ones, three ones in four, the first along the last axis always 1."""
    mask = np.asarray(rng.random(shape) < 0.75).astype(np.int64)
    if mask.ndim:
        mask[..., 0] = 1
    return mask


def counts(style: str, rows: int, size: int, rng: np.random.Generator) -> Array:
    """How many of `size` positions each of `rows` uses: all of them where masks are "full", else
    all in the first row, 1 in the last of several, and any number between in the others."""
    if style == "full":
        return np.full(rows, size)
    drawn = rng.integers(1, size + 1, rows) if size else np.zeros(rows, dtype=np.int64)
    drawn[0:1] = size
    if rows > 1:
        drawn[-1] = min(1, size)
    return drawn


def padded(shape: Shape, used: Array, *, left: bool) -> Array:
    """A mask over the last axis with `used` ones in each row (leading index), at its start, or at
    its end where the padding is on the `left`."""
    positions = np.arange(shape[-1])
    rows = used.reshape((-1,) + (1,) * (len(shape) - 1))
    mask = positions >= shape[-1] - rows if left else positions < rows
    return np.broadcast_to(mask, shape).astype(np.int64)
