"""What this machine can run, and why not what it cannot: facts only, in about a second.

No framework is imported, and nothing is made, to find out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from interop import environments
from interop.environments import interpreters, running, store
from interop.environments.interpreters import Interpreter
from interop.environments.named import variable
from interop.errors import EnvironmentUnavailable
from interop.frameworks import known, plugins
from interop.plugins import Plugin


@dataclass(frozen=True)
class FrameworkState:
    """state: "named" (by the user), "running" (this interpreter serves), "ready" (made), "on first use",
    "unavailable".

    version: what would run; reason: where, or why not; hint: how to get it, if it cannot run.
    """

    framework: str
    title: str
    version: str
    state: str
    reason: str
    hint: str = ""

    @property
    def runs(self) -> bool:
        return self.state != "unavailable"


@dataclass(frozen=True)
class Gpu:
    """NVIDIA only. names: the devices that CUDA's driver gives to a process here; capabilities: the
    compute capability of each, as in "9.0"."""

    names: tuple[str, ...]
    driver: str | None  # its version; None where there is no driver
    reason: str
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    python: Interpreter
    frameworks: tuple[FrameworkState, ...]
    interpreters: tuple[Interpreter, ...]
    cache: Path
    free_bytes: int
    gpu: Gpu
    onnxruntime_providers: tuple[str, ...]
    plugins: tuple[Plugin, ...]


def examine(
    at: environments.Store | None = None,
    frameworks: tuple[str, ...] | None = None,
    pythons: tuple[Interpreter, ...] | None = None,
) -> Report:
    """Look at interpreters, environments, disk and GPU. The arguments say where, for tests."""
    at = at or environments.default_store()
    found = interpreters.find_interpreters() if pythons is None else pythons
    existing = next(folder for folder in (at.root, *at.root.parents) if folder.exists())
    return Report(
        python=interpreters.running(),
        frameworks=examine_frameworks(at, frameworks, found),
        interpreters=found,
        cache=at.root,
        free_bytes=shutil.disk_usage(existing).free,
        gpu=find_gpu(),
        onnxruntime_providers=_providers(),
        plugins=plugins(),
    )


def examine_frameworks(
    at: environments.Store | None = None,
    frameworks: tuple[str, ...] | None = None,
    pythons: tuple[Interpreter, ...] | None = None,
) -> tuple[FrameworkState, ...]:
    """Where `frameworks`, by default all that are known, run or would run."""
    at = at or environments.default_store()
    found = interpreters.find_interpreters() if pythons is None else pythons
    return tuple(
        _state(name, at, found) for name in (known() if frameworks is None else frameworks)
    )


def _state(name: str, at: environments.Store, found: tuple[Interpreter, ...]) -> FrameworkState:
    title = known()[name].title if name in known() else name
    try:
        recipe, named = at.recipe(name), at.named(name)
    except EnvironmentUnavailable as error:
        return FrameworkState(name, title, "", "unavailable", error.message, error.hint)
    if named:
        why = f"{named.interpreter}, which {variable(name)} names"
        return FrameworkState(name, title, named.version, "named", why)
    if serving := at.serving(name):
        return FrameworkState(
            name, title, serving.version, "running", f"the running interpreter, {sys.executable}"
        )
    if ready := at.ready(name):
        return FrameworkState(name, title, ready.version, "ready", f"its own, in {ready.path}")
    chosen = interpreters.choose(found, recipe.python, recipe.lock_python)
    if chosen is None:
        none = store.no_interpreter(recipe, found)
        return FrameworkState(
            name, title, recipe.locked_version, "unavailable", none.message, none.hint
        )
    lacking = "; ".join(running.missing(recipe, None, running.installed_packages()))
    return FrameworkState(
        name,
        title,
        recipe.locked_version,
        "on first use",
        f"will be made with Python {chosen.full} ({chosen.path}), for here {lacking}",
    )


#: Asks CUDA's driver itself, in a process of its own: a broken driver may take its caller along.
_CUDA = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
status, count = cuda.cuInit(0), ctypes.c_int()
assert status == 0, "cuInit gives error %d" % status
cuda.cuDeviceGetCount(ctypes.byref(count))
for index in range(count.value):
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    cuda.cuDeviceGet(ctypes.byref(device), index)
    cuda.cuDeviceGetName(name, 256, device)
    major, minor = ctypes.c_int(), ctypes.c_int()
    cuda.cuDeviceGetAttribute(ctypes.byref(major), 75, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)
    print(name.value.decode(), "%d.%d" % (major.value, minor.value), sep="\t")
"""


def find_gpu() -> Gpu:
    """What of NVIDIA's can be used here."""
    return describe_gpu(*_run([sys.executable, "-E", "-c", _CUDA]), _driver_version())


def describe_gpu(status: int, output: str, driver: str | None) -> Gpu:
    """What the exit status and output of asking CUDA's driver mean, given the driver's version."""
    lines = output.splitlines()
    if status == 0 and lines:
        names, _, capabilities = zip(*(line.partition("\t") for line in lines), strict=True)
        return Gpu(names, driver, "CUDA's driver answers", capabilities)
    if status == 0:
        return Gpu((), driver, "CUDA's driver finds no device")
    if driver is None and "libcuda.so.1" in output:
        return Gpu((), None, "no NVIDIA driver is installed: nothing runs on CUDA or TensorRT here")
    return Gpu((), driver, f"CUDA's driver does not work: {lines[-1] if lines else status}")


def _driver_version() -> str | None:
    """As the kernel module says; in a container without /proc/driver, as nvidia-smi says."""
    try:
        first = Path("/proc/driver/nvidia/version").read_text().splitlines()[0]
        return next(word for word in first.split() if word[0].isdigit() and "." in word)
    except (OSError, IndexError, StopIteration):
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        status, output = _run(query)
        return output.splitlines()[0].strip() if status == 0 and output.strip() else None


def _run(command: list[str]) -> tuple[int, str]:
    """(exit status, all output) of a quick command; a status of -1 where it could not be had."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=20,
            text=True,
            errors="replace",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return -1, str(error)
    return done.returncode, done.stdout


def _providers() -> tuple[str, ...]:
    import onnxruntime  # type: ignore[import-untyped]  # part of the core, but a tenth of a second that only this needs

    return tuple(onnxruntime.get_available_providers())
