"""A framework's environment: the running interpreter if it serves, else a made one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from interop.environments.interpreters import Interpreter, interpreters
from interop.environments.specification import Specification, missing_here, read, running_version
from interop.environments.store import Made, Store
from interop.errors import EnvironmentUnavailable
from interop.frameworks import FRAMEWORKS, Wanted
from interop.progress import Progress


@dataclass(frozen=True)
class Environment:
    """Where a framework's workers run."""

    framework: str
    version: str
    interpreter: Path
    python: str
    kind: str  # "running" or "made"


def provide(wanted: Wanted, progress: Progress, store: Store | None = None) -> Environment:
    """An environment that serves `wanted`, made now if there is none.

    Raises EnvironmentUnavailable where no Python on this machine will do, or pip fails.
    """
    specification = read(wanted.framework.folder, wanted.version)
    here = Version(".".join(map(str, sys.version_info[:3])))
    if specification.supports(here) and not missing_here(specification, wanted.version):
        version = running_version(specification)
        assert version is not None
        return Environment(
            wanted.framework.name, version, Path(sys.executable), str(here), "running"
        )
    store = store or Store()
    python = choose_python(specification, store)
    made = store.find(specification, python)
    if made is None:
        with progress.stage(
            f"environment for {specification.framework} {specification.version}"
        ) as u:
            made = store.make(specification, python, u)
    return _environment(made)


def choose_python(specification: Specification, store: Store) -> Interpreter:
    """The interpreter to build on: one that already has the environment, else the first that will do.

    Raises EnvironmentUnavailable where there is none.
    """
    able = [found for found in interpreters() if specification.supports(found.version)]
    for found in able:
        if store.find(specification, found) is not None:
            return found
    if not able:
        have = ", ".join(str(found.version) for found in interpreters())
        raise EnvironmentUnavailable(
            f"{specification.framework} {specification.version} needs Python {specification.python}; "
            f"this machine has {have}",
            hint="Install one (for example with pyenv, uv or conda); it is found by itself.",
        )
    return able[0]


def _environment(made: Made) -> Environment:
    return Environment(made.framework, made.version, made.interpreter, made.python, "made")


def is_current(made: Made) -> bool:
    """Would `made` be chosen today: do its pins still match its framework's?"""
    framework = FRAMEWORKS.get(made.framework)
    if framework is None:
        return False
    python = Version(made.python)
    wanted = ".".join(made.version.partition("+")[0].split(".")[:2])
    candidates = (read(framework.folder, None), read(framework.folder, wanted))
    return made.path.name in {specification.key(python) for specification in candidates}
