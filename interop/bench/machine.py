"""The machine that was measured on, and how quiet it was meanwhile.

What Linux tells is read from /proc and /sys; elsewhere, or where a machine hides it, a fact is None.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_CPUS = Path("/sys/devices/system/cpu")

#: One beat of the calibration loop is about a millisecond of arithmetic in cache.
_SIDE = 128
_PRODUCTS = 12
BEATS = 60

#: From which on a machine is called noisy: the spread of a loop that always does the same, the share
#: of its time that others use, and the load average of each core before anything was started.
SPREAD = 0.10
SHARE = 0.10
LOAD = 0.30


@dataclass(frozen=True)
class Machine:
    """cores: physical ones that this process may use. affinity: the logical processors it may use.
    governor: of the clocks, None where the machine does not say (a virtual machine, say). load:
    1-minute average when this was taken. memory: bytes."""

    cpu: str
    cores: int
    affinity: tuple[int, ...]
    governor: str | None
    load: float | None
    memory: int
    system: str

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "affinity": list(self.affinity)}


def machine() -> Machine:
    """The machine as it is now."""
    cpus = allowed_cpus()
    return Machine(
        cpu=_cpu_model(),
        cores=len(one_per_core(cpus)),
        affinity=cpus,
        governor=_text(_CPUS / f"cpu{cpus[0]}" / "cpufreq" / "scaling_governor"),
        load=load_average(),
        memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        system=platform.platform(),
    )


def allowed_cpus() -> tuple[int, ...]:
    """The logical processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def one_per_core(cpus: Sequence[int]) -> tuple[int, ...]:
    """The first of `cpus` in each physical core: the others share its arithmetic units."""
    first: dict[str, int] = {}
    for cpu in cpus:
        siblings = _text(_CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list")
        first.setdefault(siblings or str(cpu), cpu)
    return tuple(first.values())


def load_average() -> float | None:
    """Processes that ran or waited to run, on average over the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def calibrate(beats: int = BEATS) -> tuple[float, ...]:
    """Seconds of each beat of a loop that always does the same work, in this process."""
    matrix = np.full((_SIDE, _SIDE), 1 / _SIDE)
    seconds = []
    for _ in range(beats):
        start = time.perf_counter()
        product = matrix
        for _ in range(_PRODUCTS):
            # einsum stays in this thread; a BLAS would bring threads of its own.
            product = np.einsum("i,ij->ij", matrix[0], product) * _SIDE
        seconds.append(time.perf_counter() - start)
    return tuple(seconds)


def spread(beats: Sequence[float]) -> float:
    """How much slower the ninth of ten beats is than the median."""
    median, high = np.percentile(beats, [50, 90])
    return float(high / median - 1)


@dataclass(frozen=True)
class CpuTime:
    """Seconds of all processors since the machine was started: `busy` for anybody (what the host of a
    virtual machine took for others included), `own` by this process and its ended children."""

    total: float
    busy: float
    own: float


def cpu_time() -> CpuTime | None:
    """The counters as they are now; None where the system does not tell."""
    line = _text(Path("/proc/stat"))
    if line is None:
        return None
    ticks = [int(field) for field in line.splitlines()[0].split()[1:9]]
    hertz = os.sysconf("SC_CLK_TCK")
    idle = ticks[3] + ticks[4]
    return CpuTime(sum(ticks) / hertz, (sum(ticks) - idle) / hertz, sum(os.times()[:4]))


def process_seconds(pid: int) -> float | None:
    """Seconds of processors that a process has used, all its threads together; None where the system
    does not tell."""
    line = _text(Path(f"/proc/{pid}/stat"))
    if line is None:
        return None
    # The name in brackets may hold anything, blanks, too.
    fields = line.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share_of_others(before: CpuTime | None, after: CpuTime | None) -> float | None:
    """The share of the machine's time that others used between two moments; children that began in
    between must have ended."""
    if before is None or after is None or after.total <= before.total:
        return None
    others = (after.busy - before.busy) - (after.own - before.own)
    return max(0.0, others / (after.total - before.total))


def complaints(machine: Machine, beats: Sequence[float], share: float | None) -> list[str]:
    """What makes figures from this machine less sure than they look, in sentences."""
    found = []
    if machine.load is not None and machine.load > LOAD * len(machine.affinity):
        found.append(
            f"the load average was {machine.load:.1f} on {len(machine.affinity)} processors "
            "before anything was started"
        )
    if share is not None and share > SHARE:
        found.append(f"others used {share:.0%} of the machine's time meanwhile")
    if spread(beats) > SPREAD:
        found.append(f"a loop that always does the same varied by {spread(beats):.0%}")
    if machine.governor not in (None, "performance"):
        found.append(f"the clock's governor is {machine.governor}: the clock follows the load")
    return found


def _cpu_model() -> str:
    for line in (_text(Path("/proc/cpuinfo")) or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
