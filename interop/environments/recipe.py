"""What an environment is made from: `environment.toml` and `lock.txt` of one framework."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from interop.errors import EnvironmentUnavailable

#: Part of every environment's key: raise it when the way of building them changes.
LAYOUT = 1


@dataclass(frozen=True)
class Recipe:
    """The facts of one framework's environment.

    python: the Pythons that it runs on; lock_python: the one that the lock was resolved on.
    modules: imported once to prove that an environment works.
    package: the distribution whose version is the framework's version, as named in `requires`.
    provided_by: distributions that may stand for it; the first whose marker holds is installed.
    requires: what an interpreter must have to serve.
    lock: exact requirements, one a line.
    finish: a script of the recipe's folder, run once in a new environment by its own interpreter,
    for what no package holds.
    """

    framework: str
    python: SpecifierSet
    lock_python: str
    modules: tuple[str, ...]
    package: str
    provided_by: tuple[Requirement, ...]
    requires: tuple[Requirement, ...]
    lock: tuple[str, ...]
    finish: Path | None = None

    @property
    def provider(self) -> str:
        """The distribution to install on this platform."""
        return next(r.name for r in self.provided_by if r.marker is None or r.marker.evaluate())

    @property
    def locked_version(self) -> str:
        """The framework's version that the lock pins. `1.2+cpu` and `1.2` are one version."""
        names = {canonicalize_name(r.name) for r in self.provided_by}
        for requirement in map(Requirement, self.lock):
            if canonicalize_name(requirement.name) in names:
                (specifier,) = requirement.specifier
                return specifier.version
        raise ValueError(f"the lock of {self.framework} does not pin {self.package}")

    def requirements(self, version: str | None) -> tuple[str, ...]:
        """The lines to install: the lock, or where another version is asked for, the ranges.

        Raises EnvironmentUnavailable for a version outside `requires`.
        """
        if version is None or matching(version).contains(self.locked_version, prereleases=True):
            return self.lock
        lines = []
        for requirement in self.requires:
            name, specifier = requirement.name, requirement.specifier
            if canonicalize_name(name) == canonicalize_name(self.package):
                if not specifier.contains(version, prereleases=True):
                    raise EnvironmentUnavailable(
                        f"{self.framework} {version} is not supported",
                        hint=f"{name}{specifier} is; {self.locked_version} is what is tested",
                    )
                name, specifier = self.provider, specifier & matching(version)
            marker = "" if requirement.marker is None else f"; {requirement.marker}"
            lines.append(f"{name}{specifier}{marker}")
        return tuple(lines)

    def name_for(self, version: str | None) -> tuple[str, str]:
        """(start, end) of the name of an environment's folder; its Python stands between."""
        lines = self.requirements(version)
        finish = () if self.finish is None else (self.finish.read_text("utf-8"),)
        facts = "\n".join((str(LAYOUT), *self.modules, *lines, *finish))
        shown = self.locked_version if lines == self.lock else version
        return f"{self.framework}-{shown}-py", "-" + hashlib.sha256(facts.encode()).hexdigest()[:10]


def matching(version: str) -> SpecifierSet:
    """What `torch@2.11` asks for: 2.11.anything; with three numbers, that release exactly."""
    parsed = Version(version)
    exact = len(parsed.release) > 2 or parsed.is_prerelease or parsed.is_postrelease
    exact = exact or parsed.local is not None
    return SpecifierSet(f"=={parsed}" if exact else f"=={parsed}.*")


def load_recipe(framework: str, home: Path) -> Recipe:
    """Read the folder `home`. Raises EnvironmentUnavailable where it holds no recipe."""
    try:
        facts = tomllib.loads((home / "environment.toml").read_text("utf-8"))
        text = (home / "lock.txt").read_text("utf-8")
    except OSError as error:
        raise EnvironmentUnavailable(
            f"{framework} has no recipe: cannot read {error.filename}",
            hint="reinstall interop: its converters folder is incomplete",
        ) from error
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return Recipe(
        framework=framework,
        python=SpecifierSet(facts["python"]),
        lock_python=facts["lock_python"],
        modules=tuple(facts["modules"]),
        package=facts["package"],
        provided_by=tuple(map(Requirement, facts["provided_by"])),
        requires=tuple(map(Requirement, facts["requires"])),
        lock=tuple(line for line in lines if line),
        finish=home / facts["finish"] if "finish" in facts else None,
    )
