"""Memory of NVIDIA's cards that a process holds, as the driver's own tool tells it."""

from __future__ import annotations

import subprocess

_QUERY = ("nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits")


def device_memory(pid: int) -> int | None:
    """Bytes that process `pid` holds now on all cards together; None where none of them tells of it.

    In a container the driver may know processes by other numbers than we do, and tell of none.
    """
    try:
        done = subprocess.run(
            _QUERY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    rows = [line.split(",") for line in done.stdout.splitlines() if line.count(",") == 1]
    held = [int(mebibytes) for owner, mebibytes in rows
            if owner.strip() == str(pid) and mebibytes.strip().isdecimal()]  # fmt: skip
    return sum(held) << 20 if held else None
