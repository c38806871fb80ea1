"""Runs the groups in processes, as many at a time as cores and memory carry, and writes the report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from interop.errors import OutputError, WorkerCrashed
from interop.matrix import definitions
from interop.matrix.cells import LEDGER, Cell, Key, Ledger, failed
from interop.matrix.child import Job
from interop.matrix.groups import Group, Selection, groups
from interop.memory import free_memory
from interop.output import disk_errors
from interop.workers.output import Output

#: Bytes that one group may need: source, truth, builder and prover, at their largest side by side.
GROUP_MEMORY = 5 << 30

#: Seconds that a group is given to clear its scratch folder away, once it is asked to end.
GRACE = 10.0


@dataclass(frozen=True)
class Settings:
    """jobs: groups at a time; timeout: seconds for one step of a worker; retry: do cells again that
    ended in an error."""

    selection: Selection
    output: Path
    jobs: int
    seed: int = 0
    timeout: float = 900.0
    retry: bool = False


class Watcher(Protocol):
    """Shows how it goes; called from several threads."""

    def begin(self, total: int, finished: int) -> None: ...
    def stage(self, group: Group, target: str, title: str) -> None: ...
    def cell(self, cell: Cell) -> None: ...
    def end(self, group: Group) -> None: ...


def usual_jobs() -> int:
    """As many groups at a time as there are cores, and memory for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, free_memory() // GROUP_MEMORY))


def run(settings: Settings, watcher: Watcher) -> dict[Key, Cell]:
    """Carry out what is not finished of the selection; returns all cells of the folder.

    Every cell is on disk as soon as it is finished, whatever ends the run. Raises OutputError where
    another run holds the folder, or it cannot be written.
    """
    folder = settings.output
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / ".lock", timeout=0):
                return _run_locked(settings, watcher, Ledger(folder / LEDGER))
        except Timeout as error:
            raise OutputError(
                f"another command is at work in {folder}", hint="Wait for it, or end it."
            ) from error


def _run_locked(settings: Settings, watcher: Watcher, ledger: Ledger) -> dict[Key, Cell]:
    cells = ledger.cells()
    kept = {k for k, cell in cells.items() if cell.failure is None or not settings.retry}
    todo = groups(settings.selection, kept)
    total = sum(len(group.targets) for group in groups(settings.selection, ()))
    watcher.begin(total, total - sum(len(group.targets) for group in todo))
    stop = threading.Event()
    with ThreadPoolExecutor(settings.jobs) as pool:
        running = {
            pool.submit(_run_group, group, settings, ledger, watcher, stop) for group in todo
        }
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return ledger.cells()


def _run_group(
    group: Group, settings: Settings, ledger: Ledger, watcher: Watcher, stop: threading.Event
) -> None:
    """All cells of `group`; a process that dies costs the cell that it was at, and another goes on."""
    left: Sequence[str] = group.targets
    while left and not stop.is_set():
        child = _Child(replace(group, targets=tuple(left)), settings, stop)
        finished, at, stage = child.follow(ledger, watcher)
        left = [target for target in left if target not in finished]
        if left and not stop.is_set():
            lost = at if at in left else left[0]
            # At its first target it may still have been at what all of them share.
            end = "target" if finished else "source"
            key = Key(group.model, group.source, lost)
            cell = failed(key, group.via, child.death(), stage, end)
            ledger.append(cell)
            watcher.cell(cell)
            left = [target for target in left if target != lost]
    watcher.end(group)


class _Child:
    """The process of a group."""

    def __init__(self, group: Group, settings: Settings, stop: threading.Event) -> None:
        self._group, self._stop = group, stop
        where = str((settings.output / definitions.FOLDER).absolute())
        job = Job(group, settings.seed, settings.timeout, where)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "interop.matrix.child", json.dumps(asdict(job))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: we end it by its standard input
        )
        assert self._process.stderr is not None
        self._errors = Output(self._process.stderr)
        threading.Thread(target=self._end_on_stop, daemon=True).start()

    def follow(self, ledger: Ledger, watcher: Watcher) -> tuple[set[str], str, str]:
        """Take down what it tells, until it ends. Returns the targets that are finished, and the
        one and the stage that it was at."""
        assert self._process.stdout is not None
        finished: set[str] = set()
        at = stage = ""
        for line in self._process.stdout:
            if not line.endswith(b"\n"):
                break  # it died while it told
            message: dict[str, Any] = json.loads(line)
            if "begin" in message:
                at = message["begin"]
            elif "stage" in message:
                stage = message["stage"]
                watcher.stage(self._group, at, stage)
            else:
                cell = Cell.from_json(message["cell"])
                ledger.append(cell)
                finished.add(cell.target)
                watcher.cell(cell)
        self._process.wait()
        self._errors.join(1.0)
        return finished, at, stage

    def death(self) -> WorkerCrashed:
        status = self._process.returncode
        how = f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
        return WorkerCrashed(
            f"the conversion's own process ended {how}",
            hint="memory may have run out: give fewer --jobs",
            detail=self._errors.last_lines(),
        )

    def _end_on_stop(self) -> None:
        while self._process.poll() is None:
            if self._stop.wait(0.2):
                assert self._process.stdin is not None
                self._process.stdin.close()
                try:
                    self._process.wait(GRACE)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                return
