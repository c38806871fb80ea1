"""The frameworks: an explicit table, one row each."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import interop.converters
from interop.errors import UsageError


@dataclass(frozen=True)
class Framework:
    """What the host knows of a framework; all else lies in `converters/<name>/`."""

    name: str
    title: str
    aliases: tuple[str, ...]
    roles: frozenset[str]  # "source", "target"

    @property
    def guest(self) -> str:
        """The module that its workers run."""
        return f"interop.converters.{self.name}.guest"

    @property
    def folder(self) -> Path:
        """Where its environment.toml and lock.txt are."""
        return Path(next(iter(interop.converters.__path__))) / self.name


FRAMEWORKS: dict[str, Framework] = {
    row.name: row
    for row in (
        Framework("onnx", "ONNX, run by ONNX Runtime", ("onnxruntime",), frozenset({"source"})),
        Framework("torch", "PyTorch", ("pytorch",), frozenset({"source"})),
        Framework("tensorflow", "TensorFlow", ("tf",), frozenset({"target"})),
    )
}


@dataclass(frozen=True)
class Wanted:
    """A framework as named on the command line: `torch`, or `torch@2.11`."""

    framework: Framework
    version: str | None  # a version or its beginning ("2.11"); None: the locked one


def parse(text: str) -> Wanted:
    """Read `name` or `name@version`.

    Raises UsageError, naming the nearest, for a framework that is not in the table.
    """
    name, _, version = text.partition("@")
    for framework in FRAMEWORKS.values():
        if name.lower() in (framework.name, *framework.aliases):
            return Wanted(framework, version or None)
    known = [n for f in FRAMEWORKS.values() for n in (f.name, *f.aliases)]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    raise UsageError(
        f"there is no framework '{name}' here",
        hint=(f"Did you mean {near[0]}? " if near else "")
        + f"There are {', '.join(sorted(FRAMEWORKS))}.",
    )
