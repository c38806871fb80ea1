"""Where a worker finds the toolkit's own packages, whatever way the toolkit was installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec

#: Parents first.
PACKAGES = (
    "interop",
    "interop.workers",
    "interop.environments",
    "interop.converters",
    "interop.models",
)


def path_of(package: str) -> list[str]:
    """The `__path__` of a package, without importing it."""
    if package in sys.modules:  # a package may have changed its path
        return list(sys.modules[package].__path__)
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"the installation of interop is incomplete: no {package}")
    return list(spec.submodule_search_locations)


def paths() -> list[tuple[str, list[str]]]:
    """(name, `__path__`) of each package that a worker sees as a stub."""
    return [(name, path_of(name)) for name in PACKAGES]
