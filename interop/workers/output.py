"""What a child process prints: drained without end, the last of it kept for error messages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import IO

KEPT_BYTES = 64 * 1024
SHOWN_LINES = 20


class Output:
    """Drains a pipe in a thread of its own, so that the child never blocks on a full one.

    `log`, where given, is called with every line as it comes (from that thread).
    """

    def __init__(self, pipe: IO[bytes], log: Callable[[str], None] | None = None) -> None:
        self._pipe = pipe
        self._log = log
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._drain, name="worker output", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        with self._pipe:
            # readline with a bound: a child may print a gigabyte without ending the line
            while line := self._pipe.readline(KEPT_BYTES):
                self._kept += line
                if len(self._kept) > 2 * KEPT_BYTES:
                    del self._kept[:-KEPT_BYTES]
                self._echo(line)

    def _echo(self, line: bytes) -> None:
        if self._log is None:
            return
        try:
            self._log(line.decode("utf-8", "replace").rstrip("\r\n"))
        except (OSError, ValueError):  # the stream that it goes to was closed: keep draining
            self._log = None

    def join(self, timeout: float) -> None:
        """Wait for the end of the output; the child has ended, what it printed is still coming."""
        self._thread.join(timeout)

    def last_lines(self, count: int = SHOWN_LINES) -> str:
        text = bytes(self._kept[-KEPT_BYTES:]).decode("utf-8", "replace")
        return "\n".join(line.rstrip()[:500] for line in text.splitlines()[-count:])
