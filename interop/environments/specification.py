"""What a framework needs of an environment, and whether one that is there has it."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

#: Part of every environment's key: raise it when the way they are made changes.
_LAYOUT = 1


@dataclass(frozen=True)
class Specification:
    """One framework at one version.

    `pins` are the requirement lines that pip gets: the lock where the locked version is wanted, else
    the framework's own version and the ranges of `requires`, which pip resolves.
    """

    framework: str
    version: str  # the locked one ("2.13.0"), or what was asked for ("2.11")
    exact: bool  # is `version` the locked one?
    python: str
    version_of: tuple[str, ...]
    requires: tuple[str, ...]
    pins: tuple[str, ...]

    def supports(self, python: Version) -> bool:
        return python in SpecifierSet(self.python)

    def key(self, python: Version) -> str:
        """The name of its environment's folder: it changes whenever the pins do."""
        content = "\n".join((str(_LAYOUT), *self.pins))
        short = hashlib.sha256(content.encode()).hexdigest()[:10]
        return f"{self.framework}-{self.version}-py{python.major}.{python.minor}-{short}"


def read(folder: Path, version: str | None) -> Specification:
    """The specification in `folder` (environment.toml and lock.txt), at `version` if one is asked."""
    facts = tomllib.loads((folder / "environment.toml").read_text(encoding="utf-8"))
    lines = (folder / "lock.txt").read_text(encoding="utf-8").splitlines()
    lock = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    main = facts["version_of"][0]
    locked = next(
        line.partition("==")[2] for line in lock if line.partition("==")[0].lower() == main.lower()
    )
    exact = version is None or _matches(Version(locked), version)
    pins = lock if exact else [f"{main}=={version}.*", *facts["requires"]]
    return Specification(
        framework=folder.name,
        version=locked if exact or version is None else version,
        exact=exact,
        python=facts["python"],
        version_of=tuple(facts["version_of"]),
        requires=tuple(facts["requires"]),
        pins=tuple(pins),
    )


def missing_here(specification: Specification, wanted: str | None) -> list[str]:
    """What keeps the running interpreter from serving; empty if it serves.

    `wanted` is the version that was asked for, if one was.
    """
    missing = []
    version = running_version(specification)
    if version is None:
        missing.append(specification.version_of[0])
    elif wanted is not None and not _matches(Version(version), wanted):
        missing.append(f"{specification.version_of[0]} {wanted} (here is {version})")
    for line in specification.requires:
        requirement = Requirement(line)
        found = _installed(requirement.name)
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            missing.append(line)
    return missing


def running_version(specification: Specification) -> str | None:
    """The framework's version in the running interpreter, or None."""
    versions = (_installed(name) for name in specification.version_of)
    return next((version for version in versions if version is not None), None)


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _matches(version: Version, wanted: str) -> bool:
    """2.13.0+cpu is wanted by "2.13" and by "2.13.0"."""
    return version in SpecifierSet(f"=={wanted}.*") or version in SpecifierSet(f"=={wanted}")
