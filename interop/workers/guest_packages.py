"""Where a worker finds the toolkit's own packages, whatever way the toolkit was installed."""

from __future__ import annotations

from importlib import import_module

#: Parents first.
PACKAGES = ("interop", "interop.workers", "interop.converters", "interop.models")


def paths() -> list[tuple[str, list[str]]]:
    """(name, `__path__`) of each package that a worker sees as a stub."""
    return [(name, list(import_module(name).__path__)) for name in PACKAGES]
