"""Which of two contenders is faster: the ratio of their times, its interval, and when it is a tie.

The ratio is the median, over all pairs of blocks that ran side by side, of the ratio of the blocks'
medians: what slows both down at the time cancels, and a neighbour that hits one block of them has
one vote. Its interval is a bootstrap over processes, in them over blocks, and in those over runs.

A bootstrap over few processes is too narrow: it takes the spread of the sample for that of the
population (a factor of sqrt(n / (n - 1))) and a normal distribution where Student's is due. Both are
known, so the interval is stretched by them, in the logarithm, about the ratio (T. Hesterberg, "What
Teachers Should Know About the Bootstrap", 2015, section 3.2: the expanded percentile interval, here
stretched since two or three processes have no such far percentiles).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.bench.samples import Times
from interop.errors import UsageError

RESAMPLES = 2000
CONFIDENCE = 0.95

#: An interval that holds 1 and this factor, too, is no tie: it tells nothing.
UNCLEAR = 2.0

#: The 0.975 quantile of Student's t by degrees of freedom; beyond, that of the largest before it.
_STUDENT = {
    1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262,
    10: 2.228, 12: 2.179, 15: 2.131, 20: 2.086, 30: 2.042, 60: 2.000, 120: 1.980,
}  # fmt: skip
_NORMAL = 1.960

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Ratio:
    """The second's time over the first's: below 1, the second is faster.

    `low` and `high` bound it with 95 % confidence; where both are of one process, they say nothing
    of other processes. `verdict`: "faster", "slower", "tie" or "unclear" (the interval is too wide
    to tell), said of the second; `reason` says why.
    """

    ratio: float
    low: float
    high: float
    verdict: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def compare(first: Times, second: Times, *, resolution: float = 0.0, seed: int = 0) -> Ratio:
    """Hold `second` against `first`; block j of process i of both ran side by side.

    resolution: relative difference that two equal contenders show here (see `resolution_of`); one
    that is not larger is a tie. Raises UsageError where they do not pair, or of one process there
    are fewer than two pairs of blocks.
    """
    shape = (first.processes, first.blocks)
    if shape != (second.processes, second.blocks) or math.prod(shape) < 2:
        raise UsageError(
            "a comparison needs at least two pairs of blocks, not "
            f"{first.processes} x {first.blocks} against {second.processes} x {second.blocks}",
            hint="Raise the number of blocks or the time budget.",
        )
    ratio, low, high = _interval(first, second, np.random.default_rng(seed))
    return Ratio(ratio, low, high, *_verdict(ratio, low, high, resolution))


def resolution_of(null: Ratio) -> float:
    """The relative difference that is nothing here: the far end of the interval of a contender
    against itself."""
    return math.expm1(max(abs(math.log(null.low)), abs(math.log(null.high))))


def _verdict(ratio: float, low: float, high: float, resolution: float) -> tuple[str, str]:
    if low <= 1 <= high:
        widest = max(high, 1 / low)
        if widest > UNCLEAR:
            return (
                "unclear",
                f"the machine was too busy: the interval holds 1 and {widest:.3g} times",
            )
        return "tie", "the interval holds 1"
    if abs(math.log(ratio)) <= math.log1p(resolution):
        return "tie", f"a contender differs from itself by up to {resolution:.1%} here"
    return ("faster" if high < 1 else "slower"), "the interval does not hold 1"


def _interval(first: Times, second: Times, rng: np.random.Generator) -> tuple[float, float, float]:
    processes, blocks = first.processes, first.blocks
    plain = [np.log([[np.median(b) for b in p] for p in one.seconds]) for one in (first, second)]
    center = float(np.median(plain[1] - plain[0]))
    process = rng.integers(processes, size=(RESAMPLES, processes, 1))
    block = rng.integers(blocks, size=(RESAMPLES, processes, blocks))
    logs = [_redrawn(one, process, block, rng) for one in (first, second)]
    drawn = np.median((logs[1] - logs[0]).reshape(RESAMPLES, -1), axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    stretch = _stretch(processes if processes > 1 else blocks)
    ends = (center + stretch * min(low - center, 0.0), center + stretch * max(high - center, 0.0))
    return math.exp(center), math.exp(ends[0]), math.exp(ends[1])


def _redrawn(times: Times, process: Array, block: Array, rng: np.random.Generator) -> Array:
    """Logarithms of the medians of the chosen blocks, each of runs drawn again from it.

    The median of n draws from n runs is the run at the quantile where the median of n uniform
    numbers falls, and that has a beta distribution: one draw does for n.
    """
    counts = np.array([[len(b) for b in p] for p in times.seconds])
    runs = np.zeros((*counts.shape, counts.max()))
    for i, one in enumerate(times.seconds):
        for j, seconds in enumerate(one):
            runs[i, j, : len(seconds)] = np.sort(seconds)
    count = counts[process, block]
    place = (rng.beta((count + 1) / 2, (count + 1) / 2) * count).astype(int)
    return np.asarray(np.log(runs[process, block, np.minimum(place, count - 1)]))


def _stretch(count: int) -> float:
    """By how much an interval of a bootstrap over `count` units is to be stretched."""
    known = max(freedom for freedom in _STUDENT if freedom <= count - 1)
    return _STUDENT[known] / _NORMAL * math.sqrt(count / (count - 1))
