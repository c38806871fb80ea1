"""Which of two contenders is faster, by interleaved timing and a bootstrap of the medians.

Measured one after the other, two programs meet two machines: clocks, caches and neighbours drift.
So they take turns in short blocks, in random order within each pair, and the ratio of their
medians comes with a confidence interval; where that holds 1, it is a tie.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.errors import UsageError

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Samples:
    """Seconds for one run of each contender, block by block: block i of both ran side by side."""

    first: tuple[tuple[float, ...], ...]
    second: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Latency:
    """`ratio` is the second's median over the first's: below 1, the second is faster.

    `low` and `high` bound it with 95 % confidence. `verdict`: "faster", "slower" or "tie", said
    of the second. Medians are in seconds.
    """

    first_median: float
    second_median: float
    ratio: float
    low: float
    high: float
    runs: int
    verdict: str

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def interleave(
    first: Callable[[], Sequence[float]],
    second: Callable[[], Sequence[float]],
    *,
    blocks: int = 10,
    budget: float = 10.0,
    seed: int = 0,
) -> Samples:
    """Let two contenders take turns: each call runs one block and returns the seconds of each of
    its runs, as measured inside the guest.

    One block of each warms up and is thrown away. Then pairs of blocks, in random order, up to
    `blocks` or until `budget` seconds of wall clock are spent; at least two pairs.
    """
    rng = np.random.default_rng(seed)
    first()
    second()
    rows: tuple[list[tuple[float, ...]], list[tuple[float, ...]]] = ([], [])
    start = time.perf_counter()
    while len(rows[0]) < blocks:
        if len(rows[0]) >= 2 and time.perf_counter() - start > budget:
            break
        for turn in rng.permutation(2):
            rows[turn].append(tuple((first, second)[turn]()))
    return Samples(tuple(rows[0]), tuple(rows[1]))


def latency(samples: Samples, *, seed: int = 0) -> Latency:
    """Medians, their ratio and its confidence interval.

    Whole pairs of blocks are resampled, not single runs: runs within a block share the state of
    the machine, and to take them as independent would make the interval too narrow. Raises
    UsageError for fewer than two pairs, or a time that is not positive.
    """
    first, second = samples.first, samples.second
    pairs = len(first)
    if pairs < 2 or pairs != len(second) or not all(map(len, (*first, *second))):
        raise UsageError(
            f"latency needs at least two pairs of blocks with runs, not {pairs}",
            hint="Raise the number of blocks or the time budget.",
        )
    if min(map(min, (*first, *second))) <= 0:
        raise UsageError("a run cannot take no time", hint="Time more work in each run.")
    rng = np.random.default_rng(seed)
    ratios = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn = rng.integers(pairs, size=pairs)
        ratios[i] = _median(second, drawn) / _median(first, drawn)
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(q) for q in np.quantile(ratios, [tail, 1 - tail]))
    everything = np.arange(pairs)
    a, b = _median(first, everything), _median(second, everything)
    verdict = "tie" if low <= 1 <= high else "faster" if high < 1 else "slower"
    runs = min(sum(map(len, first)), sum(map(len, second)))
    return Latency(a, b, b / a, low, high, runs, verdict)


def _median(
    blocks: Sequence[Sequence[float]], drawn: Sequence[int] | np.ndarray[Any, Any]
) -> float:
    return float(np.median(np.concatenate([blocks[i] for i in drawn])))
