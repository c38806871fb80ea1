"""Whether the interpreter that runs this can serve a framework itself."""

from __future__ import annotations

import importlib.metadata
import platform
import site

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from interop.environments.recipe import Recipe, matching


def installed_packages() -> dict[str, str]:
    """{canonical name: version} of what a worker on this interpreter will see.

    That is its site folders; what PYTHONPATH adds to this process, a worker does not get.
    """
    folders = list(site.getsitepackages())
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions(path=folders):
        name = distribution.metadata["Name"]
        if name:  # a half-removed distribution has none
            found.setdefault(canonicalize_name(name), distribution.version)
    return found


def missing(recipe: Recipe, version: str | None, packages: dict[str, str]) -> list[str]:
    """Why these packages cannot serve, one reason each; empty where they can."""
    python = platform.python_version()
    reasons = []
    if not recipe.python.contains(python, prereleases=True):
        reasons.append(f"Python {python} is not {recipe.python}")
    for requirement in recipe.requires:
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        specifier = requirement.specifier
        if canonicalize_name(requirement.name) == canonicalize_name(recipe.package):
            found = framework_version(recipe, packages)
            if version is not None:
                specifier &= matching(version)
        else:
            found = packages.get(canonicalize_name(requirement.name))
        if found is None:
            reasons.append(f"{requirement.name} is not installed")
        elif not _meets(found, specifier):
            reasons.append(f"{requirement.name} {found} is not {specifier}")
    return reasons


def framework_version(recipe: Recipe, packages: dict[str, str]) -> str | None:
    """The version of the framework among packages, by whichever distribution provides it."""
    names = (canonicalize_name(requirement.name) for requirement in recipe.provided_by)
    return next((packages[name] for name in names if name in packages), None)


def _meets(found: str, specifier: SpecifierSet) -> bool:
    try:
        return specifier.contains(Version(found), prereleases=True)
    except InvalidVersion:
        return False
