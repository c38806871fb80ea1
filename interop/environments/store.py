"""The made environments on disk. Two commands may want the same one; one makes it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from interop.environments.interpreters import Interpreter
from interop.environments.specification import Specification
from interop.errors import EnvironmentUnavailable
from interop.output import disk_errors, size
from interop.progress import Update

RECORD = "interop.json"
_TAIL = 15  # lines of pip's output shown with an error


@dataclass(frozen=True)
class Made:
    """An environment on disk, as its record tells."""

    path: Path
    framework: str
    version: str
    python: str
    packages: dict[str, str]
    seconds: float
    bytes: int

    @property
    def interpreter(self) -> Path:
        return self.path / "bin" / "python"


class Store:
    """The folder of made environments: `root`, or the user's cache ($INTEROP_CACHE_DIR sets it)."""

    def __init__(self, root: Path | None = None) -> None:
        base = os.environ.get("INTEROP_CACHE_DIR")
        self.root = root or (Path(base) if base else user_cache_path("interop")) / "environments"

    def all(self) -> list[Made]:
        """Every environment that is ready."""
        return [self._read(path.parent) for path in sorted(self.root.glob(f"*/{RECORD}"))]

    def find(self, specification: Specification, python: Interpreter) -> Made | None:
        """The ready environment for exactly these pins, if there is one."""
        path = self.root / specification.key(python.version)
        return self._read(path) if (path / RECORD).exists() else None

    def make(self, specification: Specification, python: Interpreter, update: Update) -> Made:
        """The environment for these pins, made now unless it is there.

        It is built aside and renamed, under a lock: a build that fails or is killed leaves nothing
        that could be taken for an environment. Raises EnvironmentUnavailable with pip's last words.
        """
        path = self.root / specification.key(python.version)
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / f"{path.name}.lock"):
                if (path / RECORD).exists():
                    return self._read(path)
                for left in self.root.glob(f"{path.name}.partial-*"):
                    shutil.rmtree(left)
                aside = self.root / f"{path.name}.partial-{os.getpid()}"
                try:
                    self._build(specification, python, aside, update)
                    if path.exists():
                        shutil.rmtree(path)
                    aside.rename(path)
                finally:
                    shutil.rmtree(aside, ignore_errors=True)
                return self._read(path)

    def remove(self, name: str) -> Made:
        """Delete the environment in folder `name`; raises EnvironmentUnavailable if there is none."""
        path = self.root / name
        if path.parent != self.root or not (path / RECORD).exists():
            raise EnvironmentUnavailable(
                f"there is no environment '{name}'", hint="`interop env list` names them."
            )
        made = self._read(path)
        with FileLock(self.root / f"{name}.lock"):
            # Renamed first: a half-deleted environment must not be found.
            doomed = self.root / f"{name}.partial-{os.getpid()}"
            path.rename(doomed)
            shutil.rmtree(doomed)
        return made

    def _read(self, path: Path) -> Made:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
        return Made(path=path, **record)

    def _build(
        self, specification: Specification, python: Interpreter, aside: Path, update: Update
    ) -> None:
        start = time.monotonic()
        update(None, "making a virtual environment")
        # Copies of the interpreter would not survive the renaming on every platform; links do.
        _run([str(python.path), "-I", "-m", "venv", "--symlinks", str(aside)], lambda line: None)
        (aside / "requirements.txt").write_text("\n".join(specification.pins), encoding="utf-8")
        interpreter = str(aside / "bin" / "python")
        install = ["-m", "pip", "install", "--no-input", "--no-compile", "--progress-bar", "off"]
        _run(
            [interpreter, *install, "--requirement", str(aside / "requirements.txt")],
            _PipProgress(len(specification.pins), update),
        )
        packages = _freeze(interpreter)
        record: dict[str, Any] = {
            "framework": specification.framework,
            "version": next(
                packages[n] for n in map(_plain, specification.version_of) if n in packages
            ),
            "python": str(python.version),
            "packages": packages,
            "seconds": round(time.monotonic() - start, 1),
            "bytes": size(aside),
        }
        (aside / RECORD).write_text(json.dumps(record, indent=2), encoding="utf-8")


class _PipProgress:
    """Counts what pip says it collects; the rest is installing."""

    def __init__(self, expected: int, update: Update) -> None:
        self._expected, self._update, self._seen = expected, update, 0

    def __call__(self, line: str) -> None:
        if match := re.match(r"\s*(Collecting|Requirement already satisfied:?) (\S+)", line):
            self._seen += 1
            self._update(0.6 * min(1.0, self._seen / self._expected), f"collecting {match[2]}")
        elif line.startswith("Installing collected packages"):
            self._update(0.6, f"installing {self._seen} packages")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _freeze(interpreter: str) -> dict[str, str]:
    ask = [
        interpreter,
        "-I",
        "-m",
        "pip",
        "list",
        "--format",
        "json",
        "--disable-pip-version-check",
    ]
    answer = subprocess.run(ask, capture_output=True, text=True, check=True)
    return {_plain(entry["name"]): entry["version"] for entry in json.loads(answer.stdout)}


def _run(command: list[str], on_line: Any) -> None:
    """Run `command`, feeding its output lines to `on_line`; it ends with us, whatever happens."""
    # pip's own settings (PIP_*) are the user's; what changes how Python starts is not passed on.
    environment = {
        n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    with _group(command, {**environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            on_line(line)
        if process.wait() != 0:
            raise EnvironmentUnavailable(
                f"an environment could not be made: {' '.join(command[:5])} … failed",
                hint="Its last lines are below: is the package index reachable, is there room on the "
                "disk? Run the same command again; nothing of this attempt is left.",
                detail="".join(lines[-_TAIL:]),
            )


@contextmanager
def _group(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.wait()  # it had ended by itself
        process.wait()
