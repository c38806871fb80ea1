"""What this machine has of memory, for this process and those that it starts."""

from __future__ import annotations

import os
from pathlib import Path

#: Where a control group says its limit and its use: version 2, and 1.
_GROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def free_memory(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that are free to use: of the machine, and no more than its control group (a container's)
    allows. Where the system does not say, all that the machine has."""
    found = [_of_machine(proc / "meminfo")]
    for limit, use in _GROUPS:
        allowed, used = _number(groups / limit), _number(groups / use)
        if allowed is not None and used is not None:
            found.append(max(allowed - used, 0))
    return min(found)


def _of_machine(meminfo: Path) -> int:
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _number(path: Path) -> int | None:
    """None where there is no such file, or it says "max"."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
