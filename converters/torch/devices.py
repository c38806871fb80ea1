"""Where a model runs: the processor, or CUDA's device, in float32 or with products in TF32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from interop.workers.failures import GuestFailure
from interop.workers.timing import time_calls


def settle(device: str, precision: str) -> None:
    """Make ready to compute on `device` ("cpu", "cuda") in `precision` ("fp32", "tf32").

    Fails as EnvironmentUnavailable where this torch has no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda
        why = "is built for processors" if built is None else f"for CUDA {built} finds no device"
        raise GuestFailure(
            "EnvironmentUnavailable",
            f"torch {torch.__version__} {why}",
            hint="Install a build for CUDA, and name its interpreter by INTEROP_ENVIRONMENT_TORCH.",
        )
    # The newer `fp32_precision`, set for convolutions, lets torch.export fail when it reads this one.
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"  # of convolutions and recurrent layers


def time_resident(
    call: Callable[[], object], runs: int, warmup: int, device: str
) -> dict[str, list[float]]:
    """As `time_calls`, of what stays on `device`: by CUDA's own events there; a processor has none,
    and is timed as ever."""
    if device == "cpu":
        return time_calls(call, runs, warmup)
    seconds = [_by_events(call) for _ in range(warmup + runs)]
    return {"seconds": seconds[warmup:]}


def _by_events(call: Callable[[], object]) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    call()
    end.record()
    end.synchronize()
    milliseconds: float = begin.elapsed_time(end)
    return milliseconds / 1e3


def moved(value: Any, device: str) -> Any:
    """A program (ExportedProgram) or module on `device`, with what it makes up itself, too."""
    if isinstance(value, torch.export.ExportedProgram):
        from torch.export.passes import move_to_device_pass

        return move_to_device_pass(value, device)
    return value.to(device)
