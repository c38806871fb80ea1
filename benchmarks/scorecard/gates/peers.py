"""Other tools' own comparison functions, each in an environment of its own.

An environment is made on first use below the cache folder, from the pins in peers/<name>.txt. One
that cannot be made is reported, and has no column.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from filelock import FileLock

from interop.workers import Worker

PINS = Path(__file__).parent / "pins"
GUESTS = Path(__file__).parent.parent.parent / "guests"
NAMES = tuple(sorted(path.stem for path in PINS.glob("*.txt")))


def interpreter(name: str, cache: Path) -> Path:
    """The Python of the peer's environment. Raises RuntimeError where pip cannot make it."""
    folder = cache / "peers" / name
    python, marker = folder / "bin" / "python", folder / "made-from.txt"
    pins = (PINS / f"{name}.txt").read_text()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (marker.exists() and marker.read_text() == pins):
            venv.create(folder, with_pip=True, clear=True)
            command = [str(python), "-m", "pip", "install", "-q", "-r", str(PINS / f"{name}.txt")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{name} cannot be installed: {done.stderr.strip()[-300:]}")
            marker.write_text(pins)
    return python


class Peers:
    """The peers' workers, for as long as the scorecard runs. A context manager."""

    def __init__(self, cache: Path, names: Sequence[str] = NAMES) -> None:
        self._workers: dict[str, Worker] = {}
        for name in names:
            try:
                python = interpreter(name, cache)
            except RuntimeError as error:
                print(error, file=sys.stderr)
                continue
            self._workers[name] = Worker(
                python, "scorecard_gates", label=name, timeout=300, search_path=[str(GUESTS)]
            )

    def judge(self, reference: Sequence[str], candidate: Sequence[str]) -> dict[str, bool]:
        """Which of them blame the candidate; both are folders of tensors, one a set of inputs."""
        pending = {
            name: worker.start(
                "judge", gate=name, reference=list(reference), candidate=list(candidate)
            )
            for name, worker in self._workers.items()
        }
        return {name: bool(one.result()["blamed"]) for name, one in pending.items()}

    def __enter__(self) -> Peers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers.values():
            worker.close()
