"""An interpreter of the user's own for a framework: INTEROP_ENVIRONMENT_TORCH=/opt/torch/bin/python.

For machines that reach no package index, and for builds that no lock pins (CUDA's, say). The user's
word counts: only its Python and the framework's own version are looked at; what else a worker lacks
shows when it imports that.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from interop.environments.recipe import Recipe, matching
from interop.environments.running import framework_version
from interop.errors import EnvironmentUnavailable

#: As a worker sees it: without PYTHONPATH. Pythons before 3.8 have no importlib.metadata.
_PROBE = """
import json, sys
try:
    from importlib.metadata import distributions
    found = [(d.metadata["Name"], d.version) for d in distributions()]
except ImportError:
    import pkg_resources
    found = [(d.project_name, d.version) for d in pkg_resources.working_set]
print(json.dumps({
    "executable": sys.executable,
    "prefix": sys.prefix,
    "python": "%d.%d.%d" % sys.version_info[:3],
    "packages": [pair for pair in found if pair[0]],
}))
"""


@dataclass(frozen=True)
class Named:
    """What an interpreter said of itself. packages: {canonical name: version}, as it imports them."""

    interpreter: Path
    prefix: Path
    python: str
    version: str
    packages: dict[str, str]


def variable(framework: str) -> str:
    """The name of the variable that names an interpreter for `framework`."""
    return f"INTEROP_ENVIRONMENT_{framework.upper()}"


def find_named(recipe: Recipe, version: str | None, environ: Mapping[str, str]) -> Named | None:
    """The interpreter that the user has named for the recipe's framework; None where none is, or it
    has another version than the one asked for.

    The variable holds an interpreter's path, or an environment's folder. Raises EnvironmentUnavailable
    where that is no such thing, or cannot serve.
    """
    given = environ.get(variable(recipe.framework))
    if not given:
        return None
    says = f"{variable(recipe.framework)}={given}"
    facts = _ask(Path(given), says)
    packages: dict[str, str] = {}
    for name, number in facts["packages"]:  # the first is the one that is imported
        packages.setdefault(canonicalize_name(name), number)
    found = framework_version(recipe, packages)
    if found is None:
        raise EnvironmentUnavailable(
            f"{says} has no {recipe.package}", hint=f"Install it there, or unset {_name(says)}."
        )
    _check(recipe, facts["python"], found, says)
    if version is not None and not matching(version).contains(found, prereleases=True):
        return None
    return Named(Path(facts["executable"]), Path(facts["prefix"]), facts["python"], found, packages)


def _check(recipe: Recipe, python: str, found: str, says: str) -> None:
    own = next(r for r in recipe.requires if _same(r.name, recipe.package))
    reasons = []
    if not recipe.python.contains(python, prereleases=True):
        reasons.append(f"its Python {python} is not {recipe.python}")
    if not own.specifier.contains(Version(found), prereleases=True):
        reasons.append(f"its {recipe.package} {found} is not {own.specifier}")
    if reasons:
        raise EnvironmentUnavailable(
            f"{says} cannot serve {recipe.framework}: {'; '.join(reasons)}",
            hint=f"Name another, or unset {_name(says)}.",
        )


def _ask(given: Path, says: str) -> dict[str, Any]:
    python = given / "bin" / "python" if given.is_dir() else given
    try:
        done = subprocess.run(
            [python, "-E", "-c", _PROBE],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        facts: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise EnvironmentUnavailable(
            f"{says} is no Python that runs: {error}",
            hint="Give the path of an interpreter, or of the folder of its environment.",
        ) from error
    return facts


def _same(one: str, other: str) -> bool:
    return canonicalize_name(one) == canonicalize_name(other)


def _name(says: str) -> str:
    return says.partition("=")[0]
