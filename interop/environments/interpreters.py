"""Pythons on this machine: the running one, on the PATH, under pyenv, conda and uv."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.version import Version

_ASK = "import sys, platform, venv, ensurepip; print(sys.implementation.name, platform.python_version())"


@dataclass(frozen=True)
class Interpreter:
    path: Path
    version: Version
    where: str  # "running", "PATH", "pyenv", "conda", "uv"


@cache
def interpreters() -> tuple[Interpreter, ...]:
    """Every CPython that starts and can make environments, the running one first, newest next."""
    running = Interpreter(
        Path(sys.executable), Version(".".join(map(str, sys.version_info[:3]))), "running"
    )
    found: dict[Path, Interpreter] = {}
    for where, path in _candidates():
        real = path.resolve()
        if real in found or real == running.path.resolve():
            continue
        version = _version(path)
        if version is not None:
            found[real] = Interpreter(path, version, where)
    others = sorted(found.values(), key=lambda i: i.version, reverse=True)
    return (running, *others)


def _candidates() -> Iterator[tuple[str, Path]]:
    home = Path.home()
    for minor in range(6, 16):
        path = shutil.which(f"python3.{minor}")
        # A pyenv shim answers for versions that are not switched on; its folder is searched below.
        if path is not None and "shims" not in Path(path).parts:
            yield "PATH", Path(path)
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    yield from (("pyenv", p) for p in sorted(pyenv.glob("versions/*/bin/python")))
    for base in ("miniconda3", "anaconda3", "miniforge3", "mambaforge"):
        yield from (("conda", p) for p in [home / base / "bin/python"] if p.exists())
        yield from (("conda", p) for p in sorted((home / base / "envs").glob("*/bin/python")))
    data = Path(os.environ.get("XDG_DATA_HOME", home / ".local/share"))
    yield from (("uv", p) for p in sorted((data / "uv/python").glob("*/bin/python3")))


def _version(path: Path) -> Version | None:
    """None for what does not start, is no CPython 3, or cannot make virtual environments."""
    try:
        answer = subprocess.run(
            [str(path), "-I", "-c", _ASK], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.fullmatch(r"cpython (3\.\d+\.\d+)\S*\s*", answer.stdout)
    return None if match is None else Version(match[1])
