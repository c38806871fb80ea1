"""Elements of an output against its truth: types, roundings, infinities and NaNs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from interop.parity.floor.groups import Array


def is_float(dtype: np.dtype[Any]) -> bool:
    return np.issubdtype(dtype, np.floating) or "float" in dtype.name


def rounded_to(truth: Array, dtype: np.dtype[Any]) -> Array:
    """The true value rounded to the output's type (beyond its range: infinite), in float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        return truth.astype(dtype).astype(np.float64)


def same_pattern(a: Array, b: Array) -> Array:
    """Where both are finite, or both NaN, or both the same infinity."""
    finite = np.isfinite(a) & np.isfinite(b)
    return finite | (np.isnan(a) & np.isnan(b)) | (np.isinf(a) & (a == b))


def error_of(truth: Array, run: Array, skip: Array) -> Array:
    """run - truth in float64, 0 at `skip` and where they are not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        error = run.astype(np.float64) - truth
    return np.where(np.isfinite(error) & ~skip, error, 0.0)


def flatten(outputs: Mapping[str, Any]) -> dict[str, Array]:
    """Sequences as their elements, under the names y[0], y[1] and so on; an empty optional (None)
    is not there. A sequence that is too short so lacks outputs, and one too long has some too many."""
    flat: dict[str, Array] = {}
    for name, value in outputs.items():
        if isinstance(value, list | tuple):
            flat.update(flatten({f"{name}[{i}]": one for i, one in enumerate(value)}))
        elif value is not None:
            flat[name] = value
    return flat
