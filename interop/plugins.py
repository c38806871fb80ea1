"""Frameworks that other packages add, by an entry point of the group `interop.frameworks`.

The entry point names a `Framework`, whose `package` is a folder like those of `converters/`. What
is wrong with a plugin is said, and leaves it out; the rest goes on.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from interop.frameworks import Framework

GROUP = "interop.frameworks"

_ROLES = frozenset({"source", "target"})
#: Says what is limited on the ways to and from it (see routes.py); it may be missing.
ROUTES = "routes.toml"
_FILES = ("guest.py", "environment.toml", "lock.txt")


@dataclass(frozen=True)
class Plugin:
    """One entry point: the row that it gives, or why it gives none."""

    name: str
    value: str  # what it names, as in "package.module:FRAMEWORK"
    distribution: str  # that brought it, with its version
    framework: Framework | None
    trouble: str = ""


def discover(ours: Mapping[str, Framework]) -> tuple[Plugin, ...]:
    """The plugins that are installed, by name; each is held against `ours` and those before it."""
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    taken = {word: row.title for row in ours.values() for word in _words(row)}
    return tuple(_plugin(point, taken) for point in points)


def warn(plugins: Iterable[Plugin]) -> None:
    """Tell on stderr of those that are left out."""
    for plugin in plugins:
        if plugin.trouble:
            print(
                f"interop: the plugin '{plugin.name}' ({plugin.distribution}) is left out: "
                f"{plugin.trouble}",
                file=sys.stderr,
            )


def _plugin(point: EntryPoint, taken: dict[str, str]) -> Plugin:
    """The plugin at `point`; the words that it takes are added to `taken`."""
    distribution = "" if point.dist is None else f"{point.dist.name} {point.dist.version}"
    try:
        row = point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is not our code that runs
        trouble = f"{point.value} cannot be imported: {type(error).__name__}: {error}"
        return Plugin(point.name, point.value, distribution, None, trouble)
    trouble = _trouble(row, point.value, taken)
    if trouble:
        return Plugin(point.name, point.value, distribution, None, trouble)
    taken.update(dict.fromkeys(_words(row), row.title))
    return Plugin(point.name, point.value, distribution, row)


def _trouble(row: object, value: str, taken: Mapping[str, str]) -> str:
    """Why `row`, found as `value`, cannot be used; nothing where it can."""
    if not isinstance(row, Framework):
        return f"{value} is of type {type(row).__name__}, not interop.frameworks.Framework"
    clashes = [f"'{word}' already means {taken[word]}" for word in _words(row) if word in taken]
    if clashes:
        return "; ".join(clashes)
    if not row.name.isidentifier() or row.name != row.name.lower():
        return f"its name '{row.name}' is not one lower-case word"
    if not row.package:
        return "its row names no package"
    if row.roles - _ROLES:
        return f"its role '{min(row.roles - _ROLES)}' is neither source nor target"
    if ("target" in row.roles) != (row.kind is not None):
        return "it is to have a kind if it is a target, and only then"
    return _folder_trouble(row)


def _folder_trouble(row: Framework) -> str:
    from interop.environments.recipe import load_recipe  # which asks for frameworks itself

    try:
        folder = row.folder
        missing = [name for name in _FILES if not (folder / name).is_file()]
        if missing:
            return f"{folder} has no {', no '.join(missing)}"
        load_recipe(row.name, folder)
        if (folder / ROUTES).is_file():
            tomllib.loads((folder / ROUTES).read_text("utf-8"))
    except Exception as error:  # noqa: BLE001 - any fault in its files is one of the plugin
        return f"its package {row.package} is not sound: {type(error).__name__}: {error}"
    return ""


def _words(row: Framework) -> tuple[str, ...]:
    return (row.name, *row.aliases, *row.endings)
