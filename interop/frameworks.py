"""The frameworks that the toolkit knows: one row each, and `converters/<name>/` has the rest."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from interop.errors import UsageError


@dataclass(frozen=True)
class Framework:
    """One row. roles: "source" (its models can be converted), "target" (to it)."""

    name: str
    title: str
    aliases: tuple[str, ...]
    roles: frozenset[str]

    @property
    def guest(self) -> str:
        """The module that its workers run."""
        return f"interop.converters.{self.name}.guest"


FRAMEWORKS: dict[str, Framework] = {
    row.name: row
    for row in (
        Framework("onnx", "ONNX, run by ONNX Runtime", ("onnxruntime",), frozenset({"source"})),
        Framework("torch", "PyTorch", ("pytorch",), frozenset({"source", "target"})),
        Framework("tensorflow", "TensorFlow", ("tf",), frozenset({"source", "target"})),
        Framework("keras", "Keras", (), frozenset({"source", "target"})),
        Framework("jax", "JAX", (), frozenset({"source", "target"})),
        Framework("mxnet", "MXNet", ("gluon",), frozenset({"source", "target"})),
        Framework("cntk", "CNTK", (), frozenset({"source", "target"})),
        # Run, but not yet read or written.
        Framework("caffe", "Caffe", (), frozenset()),
        Framework("tflite", "TensorFlow Lite", ("litert",), frozenset({"source", "target"})),
    )
}


@dataclass(frozen=True)
class Wanted:
    """A framework's name, and the version after the `@`, or the beginning of one ("2.11")."""

    framework: str
    version: str | None


def find(name: str) -> Framework:
    """The framework of that name or alias, in any case. Raises UsageError, naming the nearest."""
    known = {n: row for row in FRAMEWORKS.values() for n in (row.name, *row.aliases)}
    wanted = name.strip().lower()
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=1)
    raise UsageError(
        f"there is no framework '{name}' here",
        hint=(f"did you mean {near[0]}? " if near else "") + f"there are {', '.join(FRAMEWORKS)}",
    )


def parse(text: str) -> Wanted:
    """Read `torch` or `torch@2.11`.

    Raises UsageError for a framework that is not in the table, or what is no version.
    """
    name, at, version = text.partition("@")
    framework = find(name).name
    if not at:
        return Wanted(framework, None)
    try:
        Version(version)
    except InvalidVersion as error:
        raise UsageError(
            f"'{version}' in '{text}' is not a version",
            hint=f"write it as in {framework}@2.13 or {framework}@2.13.0",
        ) from error
    return Wanted(framework, version)
