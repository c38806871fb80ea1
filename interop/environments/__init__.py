"""Where each framework runs: an interpreter that the user names for it, the running one, or an
environment made for it and kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from interop import frameworks
from interop.environments.interpreters import Interpreter, find_interpreters
from interop.environments.recipe import Recipe
from interop.environments.store import Environment, Listed, Record, Store
from interop.workers import OnProgress
from interop.workers.guest_packages import path_of

__all__ = [
    "Environment",
    "Interpreter",
    "Listed",
    "Recipe",
    "Record",
    "Store",
    "cache_folder",
    "create",
    "default_store",
    "find_interpreters",
    "list_environments",
    "provide",
    "remove",
]


def cache_folder() -> Path:
    """The user's cache folder, or $INTEROP_CACHE_DIR."""
    chosen = os.environ.get("INTEROP_CACHE_DIR")
    return Path(chosen).absolute() if chosen else platformdirs.user_cache_path("interop")


def default_store() -> Store:
    """The environments in the cache folder, and the recipes that are installed."""
    plugins = {row.name: row.folder for row in frameworks.known().values() if row.package}
    return Store(cache_folder() / "environments", Path(path_of("interop.converters")[0]), plugins)


def provide(
    framework: str, version: str | None = None, *, on_progress: OnProgress | None = None
) -> Environment:
    """An interpreter that has the framework: the one that the user names for it, the running one, or
    an environment made on first use.

    Raises UsageError for an unknown framework or what is no version, EnvironmentUnavailable where
    it cannot be had.
    """
    wanted = _wanted(framework, version)
    return default_store().provide(wanted.framework, wanted.version, on_progress=on_progress)


def create(
    framework: str, version: str | None = None, *, on_progress: OnProgress | None = None
) -> Environment:
    """As `provide`, but never the running interpreter."""
    wanted = _wanted(framework, version)
    return default_store().create(wanted.framework, wanted.version, on_progress=on_progress)


def list_environments() -> tuple[Listed, ...]:
    """All made environments, those with outdated pins (stale) or no interpreter (broken) too."""
    return default_store().list()


def remove(name: str) -> Listed:
    """Remove a made environment by the name of its folder; returns what it was.

    Raises EnvironmentUnavailable where there is none.
    """
    return default_store().remove(name)


def _wanted(framework: str, version: str | None) -> frameworks.Wanted:
    return frameworks.parse(framework if version is None else f"{framework}@{version}")
