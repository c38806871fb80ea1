"""The environments of backends, made side by side."""

from __future__ import annotations

from collections.abc import Iterable

from interop.backends import Backend
from interop.backends.runner import find_home
from interop.checks.later import Later
from interop.environments import Environment
from interop.progress import Progress


class Homes:
    """All that are missing are being made at once, from now on."""

    def __init__(self, on: Iterable[Backend], progress: Progress) -> None:
        self._later: dict[tuple[str, str | None, bool], Later[Environment]] = {}
        for backend in on:
            if place_of(backend) not in self._later:
                self._later[place_of(backend)] = Later(
                    lambda wanted=backend: find_home(wanted, progress)  # type: ignore[misc]
                )

    def of(self, backend: Backend) -> Environment:
        """Waits for it. Raises as find_home does."""
        return self._later[place_of(backend)].result()


def place_of(backend: Backend) -> tuple[str, str | None, bool]:
    """What is looked up once: an environment, and whether the machine has the card that it is for."""
    return backend.place.framework, backend.version, backend.place.nvidia
