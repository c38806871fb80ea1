"""Contenders take turns: measured one after the other, they would meet different machines.

Clocks, caches and neighbours drift within seconds. So each runs a short block, then the next, in a
random order within each turn, and blocks of one turn are compared with each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from interop.errors import InteropError

#: Runs one block and returns the seconds of each of its runs, as measured inside the guest.
Block = Callable[[], Sequence[float]]


def take_turns(
    contenders: Mapping[str, Block],
    *,
    turns: int,
    rng: np.random.Generator,
    budget: float = float("inf"),
    lost: Callable[[str, InteropError], None] | None = None,
    now: Callable[[], float] = time.perf_counter,
) -> dict[str, list[tuple[float, ...]]]:
    """Blocks by contender: `turns` of each, or fewer where `budget` seconds are spent, but two.

    One that fails is told to `lost` and left out from there on; without `lost`, its error is raised.
    """
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in contenders}
    start = now()
    for turn in range(turns):
        if turn >= 2 and now() - start > budget:
            break
        for name in rng.permutation(list(rows)):
            try:
                rows[name].append(tuple(contenders[name]()))
            except InteropError as error:
                if lost is None:
                    raise
                del rows[name]
                lost(str(name), error)
    return rows
