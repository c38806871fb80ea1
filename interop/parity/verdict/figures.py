"""The usual figures of an output against its reference, for people to read.

No verdict rests on them: each is blind to something that the multiple of the floor sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.parity.floor.groups import Array
from interop.parity.verdict.ranks import TopK, spearman, top_k

#: Powers of two of the last bound of the histogram: beyond 2^24 no digit is right.
COARSEST = 24


@dataclass(frozen=True)
class Ulps:
    """Distances from the truth in float32 units in the last place of the true value. `histogram`
    counts the elements by upper bound: at most 1/2 (correctly rounded), 1, 2, 4, ... and infinity;
    bounds that nobody is under are left out."""

    median: float
    p99: float
    max: float
    histogram: tuple[tuple[float, int], ...]

    def to_json(self) -> dict[str, Any]:
        bounds = [
            {"at_most": bound if math.isfinite(bound) else None, "count": count}
            for bound, count in self.histogram
        ]
        return {"median": self.median, "p99": self.p99, "max": self.max, "histogram": bounds}


@dataclass(frozen=True)
class Figures:
    """`max_rel` is over the elements whose true value is not zero; `snr_db` is None for no error
    at all; `correlation` is Pearson's, of the whole, None where one side is constant; `rank` is
    Spearman's over the last axis. `top1` and `top5` are shares of rows (last axis) that choose the
    same, ties apart, and `..._weighted` the same by margin; None where rows are too short."""

    max_abs: float
    max_rel: float
    rms: float
    snr_db: float | None
    correlation: float | None
    rank: float | None
    top1: float | None
    top1_weighted: float | None
    top5: float | None
    top5_weighted: float | None
    ulps: Ulps

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "ulps": self.ulps.to_json()}


def figures(reference: Array, candidate: Array, error: Array, tie: float = 0.0) -> Figures:
    """All of them; `error` is candidate - reference where both are finite, else 0 (of their
    shape, at least one element), and `tie` the difference of two elements that rounding may undo."""
    truth = np.where(np.isfinite(reference), reference, 0.0)
    magnitude, size = np.abs(error), np.abs(truth)
    relative = magnitude[size > 0] / size[size > 0]
    power, signal = float(np.mean(np.square(error))), float(np.mean(np.square(truth)))
    one, five = (top_k(reference, candidate, k, tie) for k in (1, 5))
    return Figures(
        max_abs=float(magnitude.max()),
        max_rel=float(relative.max(initial=0.0)),
        rms=math.sqrt(power),
        snr_db=10 * math.log10(signal / power) if power > 0 and signal > 0 else None,
        correlation=correlation(truth, truth + error),
        rank=spearman(reference, candidate),
        **_named("top1", one),
        **_named("top5", five),
        ulps=ulps(truth, error),
    )


def _named(name: str, top: TopK | None) -> dict[str, Any]:
    return {
        name: None if top is None else top.share,
        f"{name}_weighted": None if top is None else top.weighted,
    }


def correlation(reference: Array, candidate: Array) -> float | None:
    """Pearson's correlation of all elements (cosine similarity after the means are taken off: an
    offset that both share hides nothing). None where a side is constant."""
    a, b = (np.ravel(x) - np.mean(x) for x in (reference, candidate))
    # no product of vectors, for which BLAS would wake all its threads
    size = math.sqrt(float(np.sum(a * a)) * float(np.sum(b * b)))
    return min(1.0, max(-1.0, float(np.sum(a * b)) / size)) if size > 0 else None


def ulps(truth: Array, error: Array) -> Ulps:
    """Distribution of |error| in float32 ULPs of `truth` (finite, float64)."""
    with np.errstate(over="ignore"):
        near = np.clip(np.abs(truth), np.finfo(np.float32).tiny, np.finfo(np.float32).max)
    unit = np.spacing(near.astype(np.float32)).astype(np.float64)
    distance = np.ravel(np.abs(error) / unit)
    median, p99 = np.percentile(distance, [50, 99])
    bounds = [*(2.0**power for power in range(-1, COARSEST + 1)), math.inf]
    counts = np.bincount(np.searchsorted(bounds[:-1], distance), minlength=len(bounds))
    histogram = tuple((b, int(c)) for b, c in zip(bounds, counts, strict=True) if c)
    return Ulps(float(median), float(p99), float(distance.max()), histogram)
