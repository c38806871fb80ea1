"""Work in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """Runs `work` in a thread of its own from now on; `result` waits, and raises what it raised.

    Not an executor of the standard library: that one is waited for when the interpreter ends, and
    so Ctrl-C would wait for pip.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._values: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="interop later", daemon=True)
        self._thread.start()

    def result(self) -> T:
        self.wait()
        if self._error is not None:
            raise self._error
        return self._values[0]

    def wait(self, timeout: float | None = None) -> None:
        """Wait for its end, whatever that is; at most `timeout` seconds."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._values.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            self._error = error
