"""What this machine can run. Nothing is imported or made to find out."""

from __future__ import annotations

import ctypes.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from interop.environments.interpreters import interpreters
from interop.environments.provide import choose_python
from interop.environments.specification import missing_here, read, running_version
from interop.environments.store import Store
from interop.errors import EnvironmentUnavailable
from interop.frameworks import FRAMEWORKS


@dataclass(frozen=True)
class FrameworkState:
    framework: str
    version: str
    runs: bool
    state: str  # "runs here", "ready", "on first use", "not available"
    reason: str


@dataclass(frozen=True)
class FoundPython:
    version: str
    where: str
    path: str


@dataclass(frozen=True)
class Report:
    frameworks: tuple[FrameworkState, ...]
    interpreters: tuple[FoundPython, ...]
    gpu: str
    cache: str
    free_bytes: int


def examine(store: Store | None = None) -> Report:
    """Look at interpreters, made environments, the driver and the disk; takes about a second."""
    store = store or Store()
    existing = next(p for p in (store.root, *store.root.parents) if p.exists())
    return Report(
        frameworks=tuple(_framework(name, store) for name in FRAMEWORKS),
        interpreters=tuple(
            FoundPython(str(i.version), i.where, str(i.path)) for i in interpreters()
        ),
        gpu=_gpu(),
        cache=str(store.root),
        free_bytes=shutil.disk_usage(existing).free,
    )


def _framework(name: str, store: Store) -> FrameworkState:
    specification = read(FRAMEWORKS[name].folder, None)
    here = Version(".".join(map(str, sys.version_info[:3])))
    missing = missing_here(specification, None)
    if specification.supports(here) and not missing:
        version = running_version(specification) or specification.version
        return FrameworkState(name, version, True, "runs here", "the running interpreter serves")
    try:
        python = choose_python(specification, store)
    except EnvironmentUnavailable as error:
        return FrameworkState(
            name, specification.version, False, "not available", f"{error.message}. {error.hint}"
        )
    if store.find(specification, python) is not None:
        return FrameworkState(
            name, specification.version, True, "ready", f"its own environment, Python {python.version}"
        )
    return FrameworkState(
        name,
        specification.version,
        True,
        "on first use",
        f"will be made with Python {python.version}; here it lacks {', '.join(missing)}",
    )


def _gpu() -> str:
    if Path("/proc/driver/nvidia/version").exists() or ctypes.util.find_library("cuda"):
        return "an NVIDIA driver is installed"
    return "no NVIDIA driver: CUDA and TensorRT cannot run here (install the driver to change that)"
