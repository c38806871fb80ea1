"""Which elements rounding moves, and how far: the evidence for calling an output unstable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.parity.floor.groups import Array

NAMED = 5  # elements


@dataclass(frozen=True)
class Moved:
    """An element that rounding moves: from `low` to `high` over the runs, or between NaN or an
    infinity and a number. `given` is what a candidate has there."""

    index: tuple[int, ...]
    true: float
    low: float
    high: float
    given: float | None = None

    def to_json(self) -> dict[str, Any]:
        values = {"true": self.true, "low": self.low, "high": self.high, "given": self.given}
        return {
            "index": list(self.index),
            **{k: v if v is None or math.isfinite(v) else str(v) for k, v in values.items()},
        }


def moved_elements(truth: Array, runs: Sequence[Array], where: Array | None) -> tuple[Moved, ...]:
    """The elements that the runs move furthest, of those at `where`; none if they are text."""
    if any(run.dtype.kind in "OSUT" for run in runs):
        return ()
    with np.errstate(invalid="ignore"):
        stacked = np.stack([run.astype(np.float64) for run in runs])
        low, high = stacked.min(axis=0), stacked.max(axis=0)
        width = np.nan_to_num(high - low, nan=np.inf)
    if where is not None:
        width = np.where(where, width, -1.0)
    order = np.argsort(width, axis=None)[::-1][:NAMED]
    places = [np.unravel_index(int(at), truth.shape) for at in order if width.flat[at] > 0]
    return tuple(
        Moved(tuple(int(i) for i in at), float(truth[at]), float(low[at]), float(high[at]))
        for at in places
    )
