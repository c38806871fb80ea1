"""Finding Pythons on this machine: the running one, on the PATH, under pyenv, conda and uv."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

OLDEST = (3, 6)  # what a guest runs on
_NAME = re.compile(r"python3(\.\d+)?$")
_PROBE = """
import importlib.util, json, os, sys
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "version": list(sys.version_info[:3]),
    "venv": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that was run once and said what it is.

    source: "running", "PATH", "pyenv", "conda" or "uv".
    makes_environments: it has `venv` and `ensurepip` (some Linux distributions split them off).
    """

    path: Path
    version: tuple[int, int, int]
    source: str
    makes_environments: bool

    @property
    def short(self) -> str:
        """As in "3.11"."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def full(self) -> str:
        return ".".join(map(str, self.version))


def running() -> Interpreter:
    """This process's own interpreter."""
    found = _probe(sys.executable, "running")
    if found is None:
        raise RuntimeError(f"{sys.executable} does not run")
    return found


def find_interpreters(
    environ: Mapping[str, str] = os.environ, home: Path | None = None
) -> tuple[Interpreter, ...]:
    """All Pythons from 3.6 up, each once: the running one first, then the newest. Runs each."""
    sources: dict[str, str] = {sys.executable: "running"}
    for source, path in _candidates(environ, home or Path.home()):
        sources.setdefault(path, source)
    with ThreadPoolExecutor(4) as pool:
        probed = list(pool.map(_probe, sources.keys(), sources.values()))
    found: dict[Path, Interpreter] = {}
    for interpreter in probed:
        if interpreter is not None and interpreter.version >= OLDEST:
            found.setdefault(interpreter.path.resolve(), interpreter)
    newest = sorted(found.values(), key=lambda i: i.version, reverse=True)
    return tuple(sorted(newest, key=lambda i: i.source != "running"))


def choose(
    interpreters: tuple[Interpreter, ...], python: SpecifierSet, preferred: str
) -> Interpreter | None:
    """The one to make an environment with: the running one if it can, else the Python that the
    lock was resolved on, else the newest; None where none is in range."""
    fit = [i for i in interpreters if i.makes_environments and python.contains(i.full)]
    return max(
        fit, key=lambda i: (i.source == "running", i.short == preferred, i.version), default=None
    )


@functools.cache
def _probe(path: str, source: str) -> Interpreter | None:
    """None for what does not run: a broken link, a shim without a version behind it."""
    try:
        done = subprocess.run(
            [path, "-E", "-s", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=True,
        )
        facts = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    # A virtual environment is known by the path of its own link, not by what that points to.
    kept = Path(path) if source == "running" else Path(facts["executable"])
    major, minor, micro = facts["version"]
    return Interpreter(kept, (major, minor, micro), source, facts["venv"])


def _candidates(environ: Mapping[str, str], home: Path) -> Iterator[tuple[str, str]]:
    pyenv = Path(environ.get("PYENV_ROOT", home / ".pyenv"))
    for folder in map(Path, environ.get("PATH", "").split(os.pathsep)):
        if folder.is_absolute() and folder != pyenv / "shims":
            for path in _listed(folder):
                if _NAME.fullmatch(path.name):
                    yield "PATH", str(path)
    for path in sorted(pyenv.glob("versions/*/bin/python"), reverse=True):
        yield "pyenv", str(path)
    for prefix in _conda_prefixes(environ, home):
        yield "conda", str(prefix / "bin" / "python")
    data = Path(environ.get("XDG_DATA_HOME", home / ".local" / "share"))
    uv = Path(environ.get("UV_PYTHON_INSTALL_DIR", data / "uv" / "python"))
    for path in sorted(uv.glob("*/bin/python3"), reverse=True):
        yield "uv", str(path)


def _conda_prefixes(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    roots = [home / name for name in ("miniforge3", "miniconda3", "anaconda3", "mambaforge")]
    if "CONDA_EXE" in environ:
        roots.insert(0, Path(environ["CONDA_EXE"]).parent.parent)
    for root in (*roots, Path("/opt/conda")):
        if root.is_dir():
            yield root
            yield from _listed(root / "envs")
    listed = home / ".conda" / "environments.txt"  # conda's own list of all that it ever made
    if listed.is_file():
        yield from (Path(line.strip()) for line in listed.read_text().splitlines() if line.strip())


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), reverse=True)
    except OSError:  # a PATH may name what is not there or not ours to read
        return []
