"""One process of a contender: started cold, warmed up, then timed block by block."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

from interop.backends.artifacts import Built
from interop.bench.device import device_memory
from interop.bench.energy import Meters
from interop.bench.machine import process_seconds
from interop.bench.warmup import WarmUp, warm_up

#: Runs in a block at most: of more, the record would be all that one sees.
MOST_RUNS = 500

#: One run in so many warms a block up again: the others' blocks have taken the caches.
REWARM = 20


class Runner(Protocol):
    """What is asked of a runner (interop.backends.Runner)."""

    @property
    def peak_memory(self) -> int: ...
    @property
    def pid(self) -> int: ...
    def load_built(self, artifact: Built) -> None: ...
    def time(
        self, inputs: str, runs: int, warmup: int = 1, *, resident: bool = False
    ) -> list[float]: ...
    def __enter__(self) -> Runner: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True)
class ColdStart:
    """Seconds until a fresh process has the model in it (interpreter and framework started, the
    model or what it was converted into read from disk), and of its first run."""

    load: float
    first_run: float

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass
class Process:
    """A running process of a contender, ready to be timed. `spent` are joules by meter, `runs` those
    that they went into, the unmeasured ones, too; `busy` and `wall` seconds of its blocks;
    `device_memory` bytes that it held when it was last looked at.
    """

    runner: Runner
    inputs: str
    cold: ColdStart
    warm: WarmUp
    meters: Meters
    resident: bool = False
    now: Callable[[], float] = time.perf_counter
    spent: dict[str, float] = field(default_factory=dict)
    runs: int = 0
    busy: float | None = 0.0
    wall: float = 0.0
    device_memory: int | None = None

    def block(self, seconds: float) -> list[float]:
        """Seconds of each of as many runs as `seconds` hold, one at least."""
        count = max(1, min(MOST_RUNS, round(seconds / self.warm.median)))
        again = max(1, count // REWARM)
        joules, busy, start = self.meters.read(), process_seconds(self.runner.pid), self.now()
        times = self.runner.time(self.inputs, count, again, resident=self.resident)
        self.wall += self.now() - start
        self._account(joules, busy, count + again)
        return times

    def look_at_device(self) -> None:
        """Note what it holds on NVIDIA's cards; it must not be in the middle of a block."""
        self.device_memory = device_memory(self.runner.pid)

    def _account(self, joules: Mapping[str, float], busy: float | None, runs: int) -> None:
        for meter, used in self.meters.used(joules, self.meters.read()).items():
            self.spent[meter] = self.spent.get(meter, 0.0) + used
        after = process_seconds(self.runner.pid)
        known = None not in (busy, after, self.busy)
        self.busy = self.busy + after - busy if known else None  # type: ignore[operator]
        self.runs += runs


def start(
    runner: Runner,
    opened: float,
    artifact: Built,
    inputs: str,
    meters: Meters,
    *,
    resident: bool = False,
    now: Callable[[], float] = time.perf_counter,
) -> Process:
    """Load `artifact` into the process that was opened at the moment `opened`, run it for the first
    time on the folder `inputs`, and warm it up. resident: its tensors stay on the device."""
    runner.load_built(artifact)
    load = now() - opened
    first = runner.time(inputs, 1, 0, resident=resident)[0]
    warm = warm_up(lambda count: runner.time(inputs, count, 0, resident=resident), now=now)
    return Process(runner, inputs, ColdStart(load, first), warm, meters, resident, now)
