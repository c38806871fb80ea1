"""Which cells there are, and which share an export."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from interop.errors import UsageError
from interop.frameworks import able, find, known
from interop.matrix.cells import Key
from interop.models import ZOO
from interop.models import find as find_model


@dataclass(frozen=True)
class Selection:
    """Names as in the tables, in their order."""

    models: tuple[str, ...]
    sources: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """One model from one source, to several targets. via: see `Cell`."""

    model: str
    source: str
    via: str
    targets: tuple[str, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(Key(self.model, self.source, target) for target in self.targets)


def select(models: Sequence[str], sources: Sequence[str], targets: Sequence[str]) -> Selection:
    """The selection by names or aliases; nothing named means all.

    Raises UsageError for what is no model of the zoo, no framework, or has not that role.
    """
    wanted = {find_model(name).name for name in models}
    return Selection(
        tuple(name for name in ZOO if not wanted or name in wanted),
        _with_role("source", sources),
        _with_role("target", targets),
    )


def _with_role(role: str, names: Sequence[str]) -> tuple[str, ...]:
    wanted = {find(name).name for name in names}
    possible = [name for name in known() if name in able(role)]
    wrong = wanted - set(possible)
    if wrong:
        raise UsageError(
            f"{min(wrong)} cannot be a {role} of the matrix",
            hint=f"Possible: {', '.join(possible)}.",
        )
    return tuple(name for name in possible if not wanted or name in wanted)


def groups(selection: Selection, finished: Container[Key]) -> tuple[Group, ...]:
    """The cells of `selection` that are not finished, by what they share."""
    found = []
    for model in selection.models:
        for source in selection.sources:
            via = _via(model, source)
            left = tuple(t for t in selection.targets if Key(model, source, t) not in finished)
            if via is not None and left:
                found.append(Group(model, source, via, left))
    return tuple(found)


def _via(model: str, source: str) -> str | None:
    """Empty where the zoo defines the model there; None where it cannot be had there."""
    definitions = ZOO[model].definitions
    if source in definitions:
        return ""
    if source == "onnx" or "target" in known()[source].roles:
        return next(iter(definitions))
    return None
