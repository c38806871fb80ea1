"""The floor of one output: what the float32 runs of floor.py say about the size of rounding error.

An error is measured as a multiple of the floor, group by group (groups.py), in two figures: its
rms over the group's floor rms, and its largest element over the group's floor rms. The worst
group counts. The worst of many groups is above 1 for rounding error too, and the largest of many
elements is several times the rms, so each figure is divided by what the floor's own runs reach
when each is measured against the others (leave one out). So calibrated, a float32 run that rounds
like the others has a multiple near 1, whatever the size of the output or the shape of its error
distribution, and the figures need no table of quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.errors import ParityFailed
from interop.parity.groups import Array, Grouping, Sums, groupings

#: The runs scatter about the truth, or at least about a value that is near it for its scatter.
#: Measured: below 8 on faithful runs of four small networks and seven real models, and 68 on one
#: where a variance taken as E[x^2] - E[x]^2 cancels, so that every run errs the same way. On truths
#: with one planted fault: 240 (a weight through float16) to 4 million; what is smaller (11 to 63,
#: an epsilon) goes unseen, and makes the floor that much coarser.
DISPUTED = 100.0

#: Relative size of error that an operator's float32 approximation may make every time alike.
APPROXIMATION = 2.0**-22

#: A float32 number is known to half a unit in the last place: no floor is taken to be lower.
HALF_ULP = 2.0**-25


@dataclass(frozen=True)
class Multiple:
    """An error as a multiple of the floor: the worst figure, the grouping and group that gave it,
    and the plain ratios of the whole tensor beside it (no calibration)."""

    worst: float
    figure: str  # "rms" or "peak"
    place: str
    rms_ratio: float
    max_ratio: float

    def to_json(self) -> dict[str, Any]:
        return {
            "worst": self.worst,
            "figure": self.figure,
            "place": self.place,
            "rms_ratio": self.rms_ratio,
            "max_ratio": self.max_ratio,
        }


@dataclass(frozen=True)
class _Level:
    """One grouping's floor: rms of each group, and what the runs themselves score against it."""

    grouping: Grouping
    rms: Array
    rms_calibration: float
    peak_calibration: float


@dataclass(frozen=True)
class Noise:
    """The floor of one output on one input set. `runs` counts the float32 runs behind it.

    `dispute` is how far the mean of the runs is from the truth, in units of their own scatter:
    where that is large, rounding does not explain the distance, and either the truth or ONNX
    Runtime is wrong. Such a floor is no yardstick, and compare.py refuses it.

    `rms` and `max` are of the error against truth over all the runs; `resolution_bits` is how
    many bits rounding alone leaves (-log2 of the rms over the rms of the output); `shaky` marks
    the elements that rounding alone flips: integers and booleans that differ between runs, floats
    that are finite in some and not in others.
    """

    dtype: str
    shapes: tuple[tuple[int, ...], ...]
    runs: int
    rms: float
    max: float
    resolution_bits: float
    dispute: float
    shaky: Array
    levels: tuple[_Level, ...]

    @property
    def disputed(self) -> bool:
        return self.dispute > DISPUTED

    @property
    def shaky_fraction(self) -> float:
        return float(np.mean(self.shaky)) if self.shaky.size else 0.0

    def multiple(self, error: Array, *, scale: float = 1.0) -> Multiple:
        """`error` (of the output's shape, finite) as a multiple of `scale` times the floor."""
        found = []
        for level in self.levels:
            sums = level.grouping.sums(error)
            for figure, values, calibration in (
                ("rms", np.sqrt(sums.mean_square), level.rms_calibration),
                ("peak", sums.peak, level.peak_calibration),
            ):
                ratios = values / (level.rms * scale)
                at = int(np.argmax(ratios))
                multiple = float(ratios[at]) / calibration
                found.append((multiple, figure, level.grouping.place(at)))
        worst, figure, place = max(found)
        whole = self.levels[0]
        floor = float(whole.rms[0]) * scale
        rms = float(np.sqrt(np.mean(np.square(error))))
        peak = float(np.max(np.abs(error)))
        return Multiple(worst, figure, place, rms / floor, peak / max(self.max * scale, floor))

    def to_json(self) -> dict[str, Any]:
        return {
            "runs": self.runs,
            "rms": self.rms,
            "max": self.max,
            "resolution_bits": self.resolution_bits
            if math.isfinite(self.resolution_bits)
            else None,
            "dispute": self.dispute if math.isfinite(self.dispute) else None,
            "shaky_fraction": self.shaky_fraction,
        }


def measure_noise(truth: Array, runs: Sequence[Array]) -> Noise:
    """The floor of an output from its true value and at least two float32 runs.

    Runs whose shape differs from the truth's (an output whose size depends on a threshold) count
    only as evidence that the shape is unstable. Raises ParityFailed with fewer than two runs.
    """
    if len(runs) < 2:
        raise ParityFailed(
            "the noise floor needs at least two float32 runs",
            hint="Run floor_runs with runs >= 1.",
        )
    shapes = tuple(dict.fromkeys(tuple(run.shape) for run in runs))
    same = [run for run in runs if run.shape == truth.shape]
    common = (runs[0].dtype.name, shapes, len(runs))
    if not same:  # a truth of a shape that no run has
        return Noise(*common, 0.0, 0.0, 0.0, math.inf, np.zeros(truth.shape, dtype=bool), ())
    if not is_float(runs[0].dtype):
        shaky = np.any([run != same[0] for run in same], axis=0)
        alone = bool(np.any((same[0] != truth) & ~shaky))
        return Noise(*common, 0.0, 0.0, math.inf, math.inf if alone else 0.0, shaky, ())
    rounded = rounded_to(truth, runs[0].dtype)
    patterns = [~same_pattern(rounded, run.astype(np.float64)) for run in same]
    shaky, alone = np.any(patterns, axis=0), bool(np.any(np.all(patterns, axis=0)))
    if truth.size == 0 or len(same) < 2:
        return Noise(*common, 0.0, 0.0, 0.0, 0.0, shaky, ())
    errors = [error_of(truth, run, shaky) for run in same]
    clean = np.where(np.isfinite(truth) & ~shaky, truth, 0.0)
    levels = tuple(_level(grouping, clean, errors) for grouping in groupings(clean))
    rms, size = _rms(np.stack(errors)), _rms(clean)
    bits = math.log2(size / rms) if rms > 0 and size > 0 else math.inf
    largest = float(max(np.max(np.abs(e)) for e in errors))
    dispute = math.inf if alone else _dispute(errors, size)
    return Noise(*common, rms, largest, bits, dispute, shaky, levels)


def _dispute(errors: Sequence[Array], size: float) -> float:
    """Distance of the mean run from the truth over the scatter of the runs."""
    stacked = np.stack(errors)
    mean = stacked.mean(axis=0)
    scatter = _rms(stacked - mean) * math.sqrt(len(errors) / (len(errors) - 1))
    least = max(scatter, size * APPROXIMATION, float(np.finfo(np.float32).tiny))
    return _rms(mean) / least


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


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


def _level(grouping: Grouping, truth: Array, errors: Sequence[Array]) -> _Level:
    least = _least(grouping.sums(truth))
    sums = [grouping.sums(error) for error in errors]
    squares = np.stack([s.mean_square for s in sums])
    rms_scores, peak_scores = [1.0], [1.0]
    for k, own in enumerate(sums):
        others = np.sqrt(np.delete(squares, k, axis=0).mean(axis=0) + least)
        rms_scores.append(float(np.max(np.sqrt(own.mean_square) / others)))
        peak_scores.append(float(np.max(own.peak / others)))
    rms = np.sqrt(squares.mean(axis=0) + least)
    return _Level(grouping, rms, max(rms_scores), max(peak_scores))


def _least(truth: Sums) -> Array:
    """The square of half an ULP of each group's own size; of the whole's where a group is all
    zero; and never below the smallest normal float32, which some backends flush to zero."""
    size = truth.mean_square
    whole = float(np.mean(size))
    own = np.where(size > 0, size, whole) * HALF_ULP**2
    result: Array = np.maximum(own, float(np.finfo(np.float32).tiny) ** 2)
    return result
