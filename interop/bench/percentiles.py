"""Which percentiles a sample supports: those that enough of its runs lie beyond."""

from __future__ import annotations

from typing import Any

import numpy as np

from interop.bench.samples import Times

PERCENTILES = (50, 90, 99)

#: Runs that must lie beyond a percentile. With five, its rank is uncertain by half: less is a guess
#: from the few slowest runs. So p50 needs 10 runs, p90 50 and p99 500.
BEYOND = 5


def percentiles(times: Times) -> dict[str, float | None]:
    """ "p50", "p90" and "p99" in seconds over all runs; None where the sample does not support one."""
    runs = times.pooled()
    return {f"p{p}": _percentile(runs, p) for p in PERCENTILES}


def needed(percentile: int) -> int:
    """The number of runs from which on a percentile is given."""
    return -(-BEYOND * 100 // (100 - percentile))


def _percentile(runs: np.ndarray[Any, Any], percentile: int) -> float | None:
    return float(np.percentile(runs, percentile)) if len(runs) >= needed(percentile) else None
