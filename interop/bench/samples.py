"""What was measured of one contender: seconds of every run, by process, block and run.

The three levels are three sources of variance. A process draws its memory layout, its threads'
places and what its framework tuned at start; a block, the state of the machine around it (clock,
caches, neighbours); a run, what is left. To take runs as independent would claim far too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from interop.errors import UsageError

#: Seconds, by process, block and run.
Levels = Sequence[Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Times:
    """seconds: by process, block and run. All processes have as many blocks; of runs a block has as
    many as it has. Block j of process i ran beside block j of process i of the other contenders.

    Raises UsageError where a level is empty or uneven, or a run took no time.
    """

    seconds: tuple[tuple[tuple[float, ...], ...], ...]

    @staticmethod
    def of(levels: Levels) -> Times:
        return Times(tuple(tuple(tuple(block) for block in process) for process in levels))

    def __post_init__(self) -> None:
        blocks = {len(process) for process in self.seconds}
        if len(blocks) != 1 or not min(blocks) or not all(map(len, self._blocks())):
            raise UsageError(
                f"a sample needs processes of equally many blocks with runs, not {self._sizes()}",
                hint="Raise the number of blocks or the time budget.",
            )
        if min(map(min, self._blocks())) <= 0:
            raise UsageError("a run cannot take no time", hint="Time more work in each run.")

    def _blocks(self) -> Iterable[tuple[float, ...]]:
        return (block for process in self.seconds for block in process)

    def _sizes(self) -> list[list[int]]:
        return [[len(block) for block in process] for process in self.seconds]

    @property
    def processes(self) -> int:
        return len(self.seconds)

    @property
    def blocks(self) -> int:
        """In each process."""
        return len(self.seconds[0])

    def pooled(self) -> np.ndarray:
        """Seconds of all runs, in the order of time."""
        return np.concatenate([np.asarray(block) for block in self._blocks()])
