"""What a person sees while the matrix runs."""

from __future__ import annotations

from threading import Lock
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from interop.matrix.cells import Cell
from interop.matrix.groups import Group
from interop.report.matrix import mark


class MatrixProgress:
    """A bar for all cells and a line for each group at work; where standard error is no terminal,
    a line for each finished cell."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._lock = Lock()
        self._tasks: dict[Group, TaskID] = {}
        self._overall = self._bars.add_task("cells", total=None)
        self._total = self._done = 0

    def __enter__(self) -> MatrixProgress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, total: int, finished: int) -> None:
        self._total, self._done = total, finished
        self._bars.update(self._overall, total=total, completed=finished)
        if not self._console.is_terminal:
            self._console.print(f"{total} cells, {finished} of them finished before")

    def stage(self, group: Group, target: str, title: str) -> None:
        with self._lock:
            if group not in self._tasks:
                self._tasks[group] = self._bars.add_task("", total=len(group.targets))
            self._bars.update(
                self._tasks[group],
                description=f"{group.model}: {group.source} → {target}: {title}"[:60],
            )

    def cell(self, cell: Cell) -> None:
        with self._lock:
            self._done += 1
            self._bars.advance(self._overall)
            for group, task in self._tasks.items():
                if (group.model, group.source) == (cell.model, cell.source):
                    self._bars.advance(task)
            if not self._console.is_terminal:
                self._console.print(
                    f"{self._done}/{self._total} {cell.model}: {cell.source} → {cell.target}: "
                    f"{mark(cell.to_json())}, {cell.seconds:.0f} s",
                    soft_wrap=True,
                )

    def end(self, group: Group) -> None:
        with self._lock:
            task = self._tasks.pop(group, None)
            if task is not None:
                self._bars.remove_task(task)
