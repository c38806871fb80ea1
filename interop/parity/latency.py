"""Which of two contenders is faster: one process of each, taking turns (see interop.bench)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.bench.intervals import compare
from interop.bench.samples import Times
from interop.bench.turns import take_turns


@dataclass(frozen=True)
class Samples:
    """Seconds for one run of each contender, block by block: block i of both ran side by side."""

    first: tuple[tuple[float, ...], ...]
    second: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Latency:
    """`ratio` is the second's time over the first's, block by block: below 1, the second is faster.

    `low` and `high` bound it with 95 % confidence, for these two processes. `verdict` is
    said of the second (see `interop.bench.intervals`). Medians are in seconds, over all runs.
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
    first()
    second()
    rng = np.random.default_rng(seed)
    rows = take_turns({"first": first, "second": second}, turns=blocks, rng=rng, budget=budget)
    return Samples(tuple(rows["first"]), tuple(rows["second"]))


def latency(samples: Samples, *, seed: int = 0) -> Latency:
    """Medians, the ratio and its confidence interval.

    Raises UsageError for fewer than two pairs, or a time that is not positive.
    """
    first, second = Times.of([samples.first]), Times.of([samples.second])
    found = compare(first, second, seed=seed)
    a, b = first.pooled(), second.pooled()
    return Latency(
        float(np.median(a)), float(np.median(b)), found.ratio, found.low, found.high,
        min(len(a), len(b)), found.verdict,
    )  # fmt: skip
