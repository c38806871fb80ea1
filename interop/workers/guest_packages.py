"""Where a worker finds packages of this installation, whatever way they were installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec

#: The toolkit's own, parents first.
PACKAGES = (
    "interop",
    "interop.workers",
    "interop.environments",
    "interop.converters",
    "interop.models",
)


def path_of(package: str) -> list[str]:
    """The `__path__` of a package, without importing it (but its parents)."""
    if package in sys.modules:  # a package may have changed its path
        return list(sys.modules[package].__path__)
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        owner = "interop" if package in PACKAGES else package.partition(".")[0]
        raise ModuleNotFoundError(f"the installation of {owner} is incomplete: no {package}")
    return list(spec.submodule_search_locations)


def paths(module: str = "") -> list[tuple[str, list[str]]]:
    """(name, `__path__`) of each package that a worker on `module` sees as a stub.

    These are ours, and those around the module of a plugin: its `__init__.py` is the host's.
    """
    return [(name, path_of(name)) for name in (*PACKAGES, *_around(module))]


def _around(module: str) -> list[str]:
    """The packages that hold `module`, parents first, where it is none of ours."""
    parts = module.split(".")[:-1]
    if not parts or parts[0] == "interop":
        return []
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
