"""The environments kept on this machine: provided, made on first use, listed, removed.

An environment's folder is named after what it was made from, so a change of pins is another
folder. It is built aside under a lock and renamed into place, so a folder that is there is whole.
Since it was renamed, its scripts point nowhere: run `<interpreter> -m ...`.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from packaging.utils import canonicalize_name

from interop.environments import interpreters, running
from interop.environments.named import find_named
from interop.environments.recipe import Recipe, load_recipe
from interop.errors import EnvironmentUnavailable
from interop.workers import OnProgress, Worker

RECORD = "environment.json"
PARTIAL = ".partial-"
#: Seconds for making one environment; a gigabyte over a slow line takes its time.
LIMIT = 2 * 3600.0


@dataclass(frozen=True)
class Environment:
    """An interpreter that has a framework. kind: "named", "running" or "made"; path: its folder.

    version: the framework's; packages: {canonical name: version} of all that it has.
    """

    framework: str
    version: str
    interpreter: Path
    kind: str
    path: Path
    packages: dict[str, str]


@dataclass(frozen=True)
class Record:
    """What is known of a made environment, kept in it. asked: the version after the `@`, if any.

    python: as in "3.11.7", of the interpreter `base`; seconds: the time it took to make.
    """

    framework: str
    version: str
    asked: str | None
    python: str
    base: str
    requirements: list[str]
    packages: dict[str, str]
    seconds: float
    bytes: int
    created: float


@dataclass(frozen=True)
class Listed:
    """A made environment. stale: its pins are not today's; broken: its interpreter has gone."""

    path: Path
    record: Record
    stale: bool
    broken: bool


@dataclass(frozen=True)
class Store:
    """A folder of environments, and the folder of recipes (one subfolder each) to make them by.

    elsewhere: the folders of those recipes that lie in other places: plugins have their own.
    """

    root: Path
    recipes: Path
    elsewhere: Mapping[str, Path] = field(default_factory=dict)

    def recipe(self, framework: str) -> Recipe:
        home = self.elsewhere.get(framework, self.recipes / framework)
        return load_recipe(framework, home)

    def provide(
        self, framework: str, version: str | None = None, *, on_progress: OnProgress | None = None
    ) -> Environment:
        """The interpreter that the user names for it; else the running one if it can serve; else the
        made environment, made if need be.

        Raises EnvironmentUnavailable with what is missing and how to get it.
        """
        return (
            self.named(framework, version)
            or self.serving(framework, version)
            or self.create(framework, version, on_progress=on_progress)
        )

    def named(self, framework: str, version: str | None = None) -> Environment | None:
        """The interpreter that the user names by a variable (see named.py), if there is one.

        Raises EnvironmentUnavailable where it cannot serve.
        """
        found = find_named(self.recipe(framework), version, os.environ)
        if found is None:
            return None
        return Environment(
            framework, found.version, found.interpreter, "named", found.prefix, found.packages
        )

    def serving(self, framework: str, version: str | None = None) -> Environment | None:
        """The running interpreter, if it can serve."""
        recipe = self.recipe(framework)
        packages = running.installed_packages()
        if running.missing(recipe, version, packages):
            return None
        found = running.framework_version(recipe, packages)
        assert found is not None
        prefix, python = Path(sys.prefix), Path(sys.executable)
        return Environment(framework, found, python, "running", prefix, packages)

    def ready(self, framework: str, version: str | None = None) -> Environment | None:
        """The made environment, if it is there and whole; on the running Python's version if
        there is a choice."""
        start, end = self.recipe(framework).name_for(version)
        tag = f"{start}{sys.version_info[0]}{sys.version_info[1]}{end}"
        folders = sorted(self.root.glob(f"{start}*{end}"), key=lambda f: (f.name != tag, f.name))
        return next((found for folder in folders if (found := _read(folder))), None)

    def create(
        self, framework: str, version: str | None = None, *, on_progress: OnProgress | None = None
    ) -> Environment:
        """The made environment, even where the running interpreter could serve."""
        if found := self.ready(framework, version):
            return found
        recipe = self.recipe(framework)
        start, end = recipe.name_for(version)
        interpreter = _choose(recipe)
        folder = self.root / f"{start}{interpreter.short.replace('.', '')}{end}"
        with _usable(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            self._sweep()
            with self._locked(folder, on_progress):
                if found := _read(folder):  # another command has made it meanwhile
                    return found
                return self._build(recipe, version, interpreter, folder, on_progress)

    def list(self) -> tuple[Listed, ...]:
        """All made environments, by name."""
        return tuple(
            Listed(folder, record, self._stale(folder, record), _interpreter(folder) is None)
            for folder in sorted(self.root.glob("*"))
            if (record := _record(folder)) is not None
        )

    def remove(self, name: str) -> Listed:
        """Remove the made environment in folder `name`, and say what it was.

        Raises EnvironmentUnavailable where there is none.
        """
        found = next((listed for listed in self.list() if listed.path.name == name), None)
        if found is None:
            raise EnvironmentUnavailable(
                f"there is no environment '{name}' in {self.root}",
                hint="`interop env list` names them",
            )
        with _usable(self.root), self._locked(found.path, None):
            doomed = self._partial(found.path)  # renamed first: half of one must not be found
            found.path.rename(doomed)
            _delete(doomed)
        return found

    def _stale(self, folder: Path, record: Record) -> bool:
        try:
            start, end = self.recipe(record.framework).name_for(record.asked)
        except EnvironmentUnavailable:  # no such framework any more, or no longer that version
            return True
        return not (folder.name.startswith(start) and folder.name.endswith(end))

    def _build(
        self,
        recipe: Recipe,
        version: str | None,
        interpreter: interpreters.Interpreter,
        folder: Path,
        on_progress: OnProgress | None,
    ) -> Environment:
        started = time.time()
        _delete(folder)  # there, but not whole: its interpreter has gone
        partial = self._partial(folder)
        requirements = list(recipe.requirements(version))
        try:
            with Worker(
                interpreter.path,
                "interop.environments.builder",
                label="environment",
                timeout=LIMIT,
                environment={k: v for k, v in os.environ.items() if k.startswith("PIP_")},
            ) as worker:
                made = worker.call(
                    "build",
                    on_progress=on_progress,
                    folder=partial,
                    requirements=requirements,
                    modules=recipe.modules,
                    finish=None if recipe.finish is None else str(recipe.finish),
                    label=recipe.framework,
                )
            packages: dict[str, str] = {
                canonicalize_name(k): v for k, v in made["packages"].items()
            }
            record = Record(
                framework=recipe.framework,
                version=running.framework_version(recipe, packages) or "",
                asked=version,
                python=interpreter.full,
                base=str(interpreter.path),
                requirements=requirements,
                packages=packages,
                seconds=round(time.time() - started, 3),
                bytes=made["bytes"],
                created=round(started, 3),
            )
            (partial / RECORD).write_text(json.dumps(asdict(record), indent=1) + "\n", "utf-8")
            partial.rename(folder)
        finally:
            _delete(partial)
        found = _read(folder)
        assert found is not None
        return found

    def _sweep(self) -> None:
        """Remove what killed commands left half-made, whatever it was to become."""
        for partial in self.root.glob(f"{PARTIAL}*"):
            lock = FileLock(self.root / f"{partial.name.removeprefix(PARTIAL)}.lock")
            with suppress(Timeout), lock.acquire(timeout=0):  # held: it is being made just now
                _delete(partial)

    def _partial(self, folder: Path) -> Path:
        return self.root / f"{PARTIAL}{folder.name}"

    @contextmanager
    def _locked(self, folder: Path, on_progress: OnProgress | None) -> Iterator[None]:
        """Hold the lock of one environment; what a killed command left of it is swept away."""
        lock = FileLock(self.root / f"{folder.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if on_progress is not None:
                on_progress(None, "waiting for another command that is making this environment")
            lock.acquire()
        try:
            _delete(self._partial(folder))
            yield
        finally:
            lock.release()


@contextmanager
def _usable(root: Path) -> Iterator[None]:
    """Trouble with the cache folder itself, as an error that says what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise EnvironmentUnavailable(
            f"cannot use the cache folder {root}: {error.strerror or error}",
            hint=("make room there" if full else "check its permissions")
            + ", or set INTEROP_CACHE_DIR to another folder",
        ) from error


def _choose(recipe: Recipe) -> interpreters.Interpreter:
    """The interpreter to build with; the running one is tried before others are looked for."""
    own = (interpreters.running(),)
    chosen = interpreters.choose(own, recipe.python, recipe.lock_python)
    if chosen is not None:
        return chosen
    found = interpreters.find_interpreters()
    chosen = interpreters.choose(found, recipe.python, recipe.lock_python)
    if chosen is None:
        raise no_interpreter(recipe, found)
    return chosen


def no_interpreter(
    recipe: Recipe, found: tuple[interpreters.Interpreter, ...]
) -> EnvironmentUnavailable:
    """The error for a machine without a Python for this framework."""
    versions = ", ".join(
        i.full if i.makes_environments else f"{i.full} (without venv)" for i in found
    )
    python = recipe.lock_python
    return EnvironmentUnavailable(
        f"{recipe.framework} needs a Python {recipe.python}; this machine has {versions}",
        hint=f"install one, for instance by `uv python install {python}`, `pyenv install {python}` "
        f"or `conda create -n py{python} python={python}`; it will be found",
    )


def _delete(folder: Path) -> None:
    """Remove a tree, if it is there. A process that was killed may still be writing for a blink."""
    for attempt in range(10):
        try:
            shutil.rmtree(folder)
            return
        except FileNotFoundError:
            if not folder.exists():
                return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or attempt == 9:
                raise
        time.sleep(0.1)


def _interpreter(folder: Path) -> Path | None:
    python = folder / "bin" / "python"
    return python if python.exists() else None  # a link: false where its target has gone


def _record(folder: Path) -> Record | None:
    if folder.name.startswith(PARTIAL):
        return None
    try:
        facts: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
        return Record(**facts)
    except (OSError, ValueError, TypeError):  # not an environment, or not one of this layout
        return None


def _read(folder: Path) -> Environment | None:
    record, python = _record(folder), _interpreter(folder)
    if record is None or python is None:
        return None
    return Environment(record.framework, record.version, python, "made", folder, record.packages)
