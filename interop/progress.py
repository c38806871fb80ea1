"""How long work tells of itself. The toolkit reports; whoever called it decides what is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

#: Called with how far a stage has come (0 to 1, or None where that is not known) and what it does.
Update = Callable[[float | None, str], None]


class Progress(Protocol):
    """Shows stages of work; several may be open at the same time."""

    def stage(self, title: str) -> AbstractContextManager[Update]: ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        yield lambda fraction, message: None
