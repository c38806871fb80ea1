"""A file of JSON lines that survives whoever writes it: each is on disk when `append` returns."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any


class Journal:
    """Lines in the order in which they came; several threads may append."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()

    def append(self, data: dict[str, Any]) -> None:
        """Returns when the line is on disk. A line that a killed run left half-written is ended."""
        line = json.dumps(data) + "\n"
        with self._lock, self.path.open("a+b") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = "\n" + line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def lines(self) -> Iterator[tuple[int, Any]]:
        """(number, what it holds) of each whole line, counted from 1; of a file that is not there, none."""
        if not self.path.exists():
            return
        for number, line in enumerate(self.path.read_bytes().splitlines(), start=1):
            try:
                data = json.loads(line)
            except ValueError:
                continue  # the half of a line
            yield number, data
