"""All contenders at one point: several processes of each, taking turns in random order.

In a round every contender has one fresh process. All of them are started, loaded and warmed up, then
they take turns, so that a block is only ever compared with blocks that ran seconds from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from interop.backends.artifacts import Built
from interop.bench.energy import Meters
from interop.bench.process import ColdStart, Process, Runner, start
from interop.bench.samples import Times
from interop.bench.turns import take_turns
from interop.bench.warmup import WarmUp
from interop.errors import InteropError

#: Called with how far it has come (0 to 1) and at what it is.
Update = Callable[[float | None, str], None]

#: Blocks in each process, where runs are quick enough.
TURNS = 10


@dataclass(frozen=True)
class Contender:
    """open: starts a fresh process of it, which then loads `artifact`."""

    open: Callable[[], AbstractContextManager[Runner]]
    artifact: Built


@dataclass(frozen=True)
class Effort:
    """processes: of each contender; seconds: of measuring for each contender, over all of them."""

    processes: int = 5
    seconds: float = 10.0
    seed: int = 0

    def turns(self, slowest: float) -> int:
        """Blocks in each process, where the slowest contender takes `slowest` seconds for a run."""
        return max(2, min(TURNS, int(self.seconds / self.processes / slowest)))


@dataclass(frozen=True)
class Measured:
    """What was seen of one contender; a list has one entry a process.

    joules: per run, by meter. cores: processors that were busy for it, on average; None where the
    system does not tell. peak_memory: bytes, of its largest process; device_memory: the most that one
    held on its device when its last block was over, None where there is none or it does not tell.
    """

    times: Times
    cold: tuple[ColdStart, ...]
    warm: tuple[WarmUp, ...]
    peak_memory: int
    device_memory: int | None
    joules: dict[str, float]
    cores: float | None


Outcome = Measured | InteropError


def measure(
    contenders: Mapping[str, Contender],
    inputs: str,
    effort: Effort,
    meters: Meters,
    *,
    resident: bool = False,
    update: Update = lambda fraction, message: None,
    between: Callable[[], Any] = lambda: None,
    now: Callable[[], float] = time.perf_counter,
) -> dict[str, Outcome]:
    """Time them all on the folder `inputs`; what a contender failed of is its outcome.

    resident: inputs and outputs stay on the device. between: called before each round, while no
    process is there.
    """
    rng = np.random.default_rng(effort.seed)
    lost: dict[str, InteropError] = {}
    rounds: dict[str, list[tuple[Process, list[tuple[float, ...]]]]] = {n: [] for n in contenders}
    turns = TURNS
    for number in range(effort.processes):
        between()
        at = f"process {number + 1} of {effort.processes}"
        with ExitStack() as stack:
            running: dict[str, Process] = {}
            for name in rng.permutation([name for name in contenders if name not in lost]):
                update(number / effort.processes, f"{name}: {at}")
                opened = now()
                try:
                    runner = stack.enter_context(contenders[name].open())
                    artifact = contenders[name].artifact
                    running[name] = start(
                        runner, opened, artifact, inputs, meters, resident=resident, now=now
                    )
                except InteropError as error:
                    lost[name] = error
            if number == 0 and running:
                turns = effort.turns(max(one.warm.median for one in running.values()))
            length = effort.seconds / effort.processes / turns
            update((number + 0.5) / effort.processes, f"taking turns: {at}")
            blocks = take_turns(
                {name: partial(one.block, length) for name, one in running.items()},
                turns=turns, rng=rng, lost=lost.__setitem__,
            )  # fmt: skip
            for name, taken in blocks.items():
                running[name].look_at_device()
                rounds[name].append((running[name], taken))
    return {name: lost.get(name) or _gathered(seen) for name, seen in rounds.items()}


def _gathered(rounds: list[tuple[Process, list[tuple[float, ...]]]]) -> Measured:
    processes = [process for process, _ in rounds]
    runs = sum(process.runs for process in processes)
    busy = [process.busy for process in processes]
    known = [seconds for seconds in busy if seconds is not None]
    return Measured(
        times=Times.of([blocks for _, blocks in rounds]),
        cold=tuple(process.cold for process in processes),
        warm=tuple(process.warm for process in processes),
        peak_memory=max(process.runner.peak_memory for process in processes),
        device_memory=max(
            (p.device_memory for p in processes if p.device_memory is not None), default=None
        ),
        joules={
            meter: sum(process.spent[meter] for process in processes) / runs
            for meter in processes[0].spent
        },
        cores=sum(known) / sum(p.wall for p in processes) if len(known) == len(busy) else None,
    )
