"""The torch worker with torch.compile: what it loads is compiled when the first inputs come."""

from __future__ import annotations

import os
import shutil
from typing import Any

import torch
from interop.converters.torch import guest
from torch._dynamo.exc import BackendCompilerFailed

from interop.workers.failures import GuestFailure


def load(path: str, device: str = "cpu", precision: str = "fp32") -> dict[str, Any]:
    """As the plain worker's; fails as EnvironmentUnavailable where there is no compiler to compile with."""
    compiler = os.environ.get("CXX", "g++")
    if device == "cpu" and not shutil.which(compiler):
        raise GuestFailure(
            "EnvironmentUnavailable",
            f"torch.compile needs a C++ compiler for the processor, and there is no {compiler}",
            hint="Install g++, or name another by CXX.",
        )
    facts = guest.load(path, device, precision)
    compiled = torch.compile(guest.loaded())

    def call(*feeds: torch.Tensor) -> Any:
        try:
            return compiled(*feeds)
        except BackendCompilerFailed as error:
            raise GuestFailure(
                "UnsupportedOperator",
                "torch.compile cannot compile the model",
                hint="`torch:cpu` runs it as it is.",
                detail=str(error),
            ) from error

    guest.replace(call)
    return facts


OPERATIONS = {**guest.OPERATIONS, "load": load}
