"""When a contender has warmed up: once the median of its last runs no longer falls.

Just-in-time compilers, autotuners, lazy allocations and caches make the first runs slow, some the
first one and some the first hundred; a fixed number of runs is too few for one and a waste for
another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Runs in a window, by how much the median of one may still fall below the lowest before it, and
#: how many windows in a row must not fall further.
WINDOW = 5
FALL = 0.02
CALM = 2

#: Seconds after which a contender counts as one that does not settle; it has had three windows.
LIMIT = 5.0


@dataclass(frozen=True)
class WarmUp:
    """runs: how many it took; settled: whether it came to rest; median: seconds, of the last window."""

    runs: int
    settled: bool
    median: float

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def settled(medians: Sequence[float]) -> bool:
    """Whether none of the last windows fell by more than `FALL` below the lowest before it."""
    if len(medians) <= CALM:
        return False
    return all(
        medians[index] >= (1 - FALL) * min(medians[:index])
        for index in range(len(medians) - CALM, len(medians))
    )


def warm_up(
    run: Callable[[int], Sequence[float]],
    *,
    limit: float = LIMIT,
    now: Callable[[], float] = time.perf_counter,
) -> WarmUp:
    """Run until the medians of windows have settled, or `limit` seconds are over.

    `run(count)` runs so often and returns the seconds of each. A run that alone takes a good part
    of the limit makes a window of its own.
    """
    start, runs, window = now(), 0, 1
    medians: list[float] = []
    while not settled(medians):
        seconds = run(window)
        runs += len(seconds)
        # The first window is the first run alone: it may be a hundred times as slow as the others.
        medians.append(float(np.median(seconds)))
        window = WINDOW if WINDOW * medians[-1] < limit / 5 else 1
        if len(medians) > CALM and now() - start > limit:
            break
    return WarmUp(runs, settled(medians), medians[-1])
