"""The two clocks. Their figures answer different questions, and never stand in one table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from interop.backends import Backend


@dataclass(frozen=True)
class Clock:
    name: str
    title: str
    what: str

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


HOST = Clock(
    "host",
    "host, end to end",
    "from inputs in the host's memory, as the framework takes them, to outputs in the host's memory: "
    "what a caller waits for",
)
DEVICE = Clock(
    "device",
    "device-resident",
    "inputs and outputs stay in the device's memory: what the device needs, without the way there. "
    "PyTorch and TensorRT are read by CUDA's events; ONNX Runtime (I/O binding) and JAX by the host's "
    "clock, when the device has finished",
)


def clocks(backends: Iterable[Backend]) -> tuple[Clock, ...]:
    """Those that can be read for any of `backends`; on a processor the two would be one."""
    return (HOST, DEVICE) if any(map(has_device, backends)) else (HOST,)


def has_device(backend: Backend) -> bool:
    """Whether its tensors live elsewhere than the host's, and can be left there."""
    return backend.place.nvidia
