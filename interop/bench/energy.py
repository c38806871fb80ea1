"""Energy as the machine counts it: RAPL for the processor's package, NVML for NVIDIA's cards.

These are counters of a whole package or card: what others use meanwhile is in them. RAPL is Linux's
/sys/class/powercap, which mostly root alone may read and virtual machines rarely have; NVML comes
with NVIDIA's driver (`nvmlDeviceGetTotalEnergyConsumption`, since Volta).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Meter:
    """read: joules since some moment; wraps: joules at which it starts again from 0."""

    name: str
    read: Callable[[], float]
    wraps: float = float("inf")


@dataclass(frozen=True)
class Meters:
    """The counters that there are, and why others are not."""

    meters: tuple[Meter, ...]
    absent: tuple[str, ...]

    def read(self) -> dict[str, float]:
        return {meter.name: meter.read() for meter in self.meters}

    def used(self, before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
        """Joules by meter between two readings that are less than one turn of a counter apart."""
        return {
            meter.name: after[meter.name]
            - before[meter.name]
            + (meter.wraps if after[meter.name] < before[meter.name] else 0.0)
            for meter in self.meters
        }


def find_meters(powercap: Path = POWERCAP) -> Meters:
    """What this machine reports."""
    packages, why_no_package = _rapl(powercap)
    cards, why_no_card = _nvml()
    return Meters((*packages, *cards), tuple(why for why in (why_no_package, why_no_card) if why))


def _rapl(powercap: Path) -> tuple[list[Meter], str]:
    # Packages alone ("intel-rapl:0"; AMD's, too): their parts ("intel-rapl:0:1") are counted in them.
    zones = sorted(zone for zone in powercap.glob("*-rapl:*") if zone.name.count(":") == 1)
    if not zones:
        return [], f"the processor's energy is not reported here (no RAPL in {powercap})"
    try:
        return [_zone(zone) for zone in zones], ""
    except PermissionError:
        return [], f"the processor's energy may not be read by this user ({zones[0]}/energy_uj)"


def _zone(zone: Path) -> Meter:
    counter = zone / "energy_uj"

    def read() -> float:
        return int(counter.read_text()) / 1e6

    read()
    wraps = int((zone / "max_energy_range_uj").read_text()) / 1e6
    return Meter((zone / "name").read_text().strip(), read, wraps)


def _nvml() -> tuple[list[Meter], str]:
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return [], "no NVIDIA driver, so no card's energy"
    if nvml.nvmlInit_v2() != 0:
        return [], "NVIDIA's driver does not answer, so no card's energy"
    count = ctypes.c_uint()
    nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
    cards = []
    for index in range(count.value):
        handle = ctypes.c_void_p()
        nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
        if _millijoules(nvml, handle) is not None:
            cards.append(Meter(f"card {index}", partial(_joules, nvml, handle)))
    return cards, "" if cards else "the NVIDIA cards here do not report their energy"


def _joules(nvml: ctypes.CDLL, handle: ctypes.c_void_p) -> float:
    millijoules = _millijoules(nvml, handle)
    if millijoules is None:
        raise OSError("NVIDIA's driver no longer reports the card's energy")
    return millijoules / 1e3


def _millijoules(nvml: ctypes.CDLL, handle: ctypes.c_void_p) -> int | None:
    value = ctypes.c_ulonglong()
    status = nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(value))
    return value.value if status == 0 else None
