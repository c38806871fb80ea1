"""The floor of one output: what the runs of runs.py say about the size of rounding error.

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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from interop.errors import ParityFailed
from interop.parity.floor.groups import Array, Grouping, Sums, groupings
from interop.parity.floor.precisions import FLOAT32, Precision
from interop.parity.verdict.elements import error_of, flatten, is_float, rounded_to, same_pattern
from interop.parity.verdict.evidence import Moved, moved_elements

#: The runs scatter about the truth, or at least about a value that is near it for its scatter.
#: Measured: below 8 on faithful runs of four small networks and seven real models, and 68 on one
#: where a variance taken as E[x^2] - E[x]^2 cancels, so that every run errs the same way. On truths
#: with one planted fault: 240 (a weight through float16) to 4 million; what is smaller (11 to 63,
#: an epsilon) goes unseen, and makes the floor that much coarser.
DISPUTED = 100.0

#: Relative size of error that an operator's float32 approximation may make every time alike.
APPROXIMATION = 2.0**-22

#: A floor that leaves a smaller share of the bits than this says that rounding decides the output.
UNSTABLE_SHARE = 1 / 3


@dataclass(frozen=True)
class Multiple:
    """An error as a multiple of the floor: the worst figure, the grouping and group that gave it,
    and the plain ratios of the whole tensor beside it (no calibration). `doubt` is how far off
    log2(worst) may be, for the floor comes from a few runs: two standard errors, by jackknife."""

    worst: float
    figure: str  # "rms" or "peak"
    place: str
    rms_ratio: float
    max_ratio: float
    doubt: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "worst": self.worst,
            "figure": self.figure,
            "place": self.place,
            "rms_ratio": self.rms_ratio,
            "max_ratio": self.max_ratio,
            "doubt_bits": self.doubt,
        }


@dataclass(frozen=True)
class _Level:
    """One grouping's floor: rms of each group, the same with each run left out (runs, groups),
    and what the runs themselves score against it."""

    grouping: Grouping
    rms: Array
    without: Array
    rms_calibration: float
    peak_calibration: float


@dataclass(frozen=True)
class Noise:
    """The floor of one output on one input set in one precision. `runs` counts the runs behind it,
    `spread` is the least and the greatest of their rms over that of them all.

    `dispute` is how far the mean of the runs is from the truth, in units of their own scatter:
    where that is large, rounding does not explain the distance, and either the truth or ONNX
    Runtime is wrong. Such a floor is no yardstick, and compare.py refuses it.

    `rms` and `max` are of the error against truth over all the runs; `resolution_bits` is how
    many bits rounding alone leaves (-log2 of the rms over the rms of the output); `shaky` marks
    the elements that rounding alone flips: integers and booleans that differ between runs, floats
    that are finite in some and not in others. `moved` are those that it moves furthest, where it
    moves any far. `plain` is the error of the unperturbed run, in a narrower precision.
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
    precision: Precision = FLOAT32
    spread: tuple[float, float] = (1.0, 1.0)
    moved: tuple[Moved, ...] = ()
    plain: Array | None = None

    @property
    def bits(self) -> float:
        """How many there are for a backend to keep."""
        most = self.precision.bits
        return max(0.0, min(most, self.resolution_bits)) if self.precision.measured else most

    @property
    def disputed(self) -> bool:
        return self.dispute > DISPUTED

    @property
    def shaky_fraction(self) -> float:
        return float(np.mean(self.shaky)) if self.shaky.size else 0.0

    def multiple(self, error: Array, *, scale: float = 1.0) -> Multiple:
        """`error` (of the output's shape, finite) as a multiple of `scale` times the floor."""
        found, without = [], []
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
                without.append(np.max(values / level.without, axis=1) / (scale * calibration))
        worst, figure, place = max(found)
        floor = float(self.levels[0].rms[0]) * scale
        rms, peak = _rms(error), float(np.max(np.abs(error)))
        doubt = _doubt(np.max(without, axis=0))
        largest = peak / max(self.max * scale, floor)
        return Multiple(worst, figure, place, rms / floor, largest, doubt)

    def to_json(self) -> dict[str, Any]:
        return {
            "precision": self.precision.name,
            "bits": self.bits,
            "runs": self.runs,
            "spread": list(self.spread),
            "rms": self.rms,
            "max": self.max,
            "resolution_bits": self.resolution_bits
            if math.isfinite(self.resolution_bits)
            else None,
            "dispute": self.dispute if math.isfinite(self.dispute) else None,
            "shaky_fraction": self.shaky_fraction,
        }


def measure_noise(truth: Array, runs: Sequence[Array], precision: Precision = FLOAT32) -> Noise:
    """The floor of an output from its true value and at least two runs in `precision`.

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
    made = partial(Noise, *common, precision=precision)
    if not same:  # a truth of a shape that no run has
        return made(0.0, 0.0, 0.0, math.inf, np.zeros(truth.shape, dtype=bool), ())
    if not is_float(runs[0].dtype):
        shaky = np.asarray(np.any([run != same[0] for run in same], axis=0))
        alone = bool(np.any((same[0] != truth) & ~shaky))
        moved = moved_elements(truth, same, shaky)
        return made(0.0, 0.0, math.inf, _alone(alone, precision), shaky, (), moved=moved)
    rounded = rounded_to(truth, runs[0].dtype)
    patterns = [~same_pattern(rounded, run.astype(np.float64)) for run in same]
    shaky, alone = np.any(patterns, axis=0), bool(np.any(np.all(patterns, axis=0)))
    if truth.size == 0 or len(same) < 2:
        return made(0.0, 0.0, 0.0, 0.0, shaky, ())
    errors = [error_of(truth, run, shaky) for run in same]
    clean = np.where(np.isfinite(truth) & ~shaky, truth, 0.0)
    levels = tuple(_level(grouping, clean, errors, precision) for grouping in groupings(clean))
    each, size = [_rms(error) for error in errors], _rms(clean)
    rms = math.sqrt(sum(one**2 for one in each) / len(each))
    bits = math.log2(size / rms) if rms > 0 and size > 0 else math.inf
    largest = float(max(np.max(np.abs(e)) for e in errors))
    dispute = 0.0 if precision != FLOAT32 else math.inf if alone else _dispute(errors, size)
    spread = (min(each) / rms, max(each) / rms) if rms > 0 else (1.0, 1.0)
    plain = None if precision == FLOAT32 else errors[0].astype(np.float32)
    weak = bits < UNSTABLE_SHARE * precision.bits
    moved = (
        moved_elements(truth, same, shaky if np.any(shaky) else None)
        if weak or np.any(shaky)
        else ()
    )
    return made(rms, largest, bits, dispute, shaky, levels, spread=spread, moved=moved, plain=plain)


def disputed(truth: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether float32 runs are further from the truth than rounding explains, in any output."""
    return any(noise.disputed for noise in measure_outputs(truth, runs).values())


def measure_outputs(
    truth: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    precision: Precision = FLOAT32,
) -> dict[str, Noise]:
    """The floor of every output, and of every element of those that are sequences (flatten). A run
    whose sequence is shorter has there an output of another shape."""
    flat = [flatten(run) for run in runs]
    return {
        name: measure_noise(
            true, [run.get(name, np.empty((0,) * (true.ndim + 1), _kind(flat, name))) for run in flat],
            precision,
        )
        for name, true in flatten(truth).items()
    }  # fmt: skip


def _kind(runs: Sequence[Mapping[str, Array]], name: str) -> np.dtype[Any]:
    return next((run[name].dtype for run in runs if name in run), np.dtype(np.float32))


def _alone(alone: bool, precision: Precision) -> float:
    """Only of float32 is it known that rounding does not put a whole number elsewhere each time."""
    return math.inf if alone and precision == FLOAT32 else 0.0


def _doubt(worst: Array) -> float:
    """Two standard errors of log2 of a multiple, from what it is with each run left out."""
    logs, count = np.log2(np.maximum(worst, np.finfo(np.float64).tiny)), worst.size
    return float(2 * math.sqrt((count - 1) / count * np.sum(np.square(logs - logs.mean()))))


def _dispute(errors: Sequence[Array], size: float) -> float:
    """Distance of the mean run from the truth over the scatter of the runs."""
    stacked = np.stack(errors)
    mean = stacked.mean(axis=0)
    scatter = _rms(stacked - mean) * math.sqrt(len(errors) / (len(errors) - 1))
    least = max(scatter, size * APPROXIMATION, float(np.finfo(np.float32).tiny))
    return _rms(mean) / least


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _level(
    grouping: Grouping, truth: Array, errors: Sequence[Array], precision: Precision
) -> _Level:
    least = _least(grouping.sums(truth), precision.half_unit)
    sums = [grouping.sums(error) for error in errors]
    squares = np.stack([s.mean_square for s in sums])
    others = [np.delete(squares, k, axis=0).mean(axis=0) for k in range(len(sums))]
    without = np.sqrt(np.stack(others) + least)
    rms_scores, peak_scores = [1.0], [1.0]
    for own, rest in zip(sums, without, strict=True):
        rms_scores.append(float(np.max(np.sqrt(own.mean_square) / rest)))
        peak_scores.append(float(np.max(own.peak / rest)))
    rms = np.sqrt(squares.mean(axis=0) + least)
    return _Level(grouping, rms, without, max(rms_scores), max(peak_scores))


def _least(truth: Sums, half_unit: float) -> Array:
    """The square of half an ULP of each group's own size; of the whole's where a group is all
    zero; and never below the smallest normal float32, which some backends flush to zero."""
    size = truth.mean_square
    whole = float(np.mean(size))
    own = np.where(size > 0, size, whole) * half_unit**2
    result: Array = np.maximum(own, float(np.finfo(np.float32).tiny) ** 2)
    return result
