"""`runtime[@version]:device[:precision]`, as in `torch:cpu`, `ort`, `openvino:cpu:bf16`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from interop.backends.table import Place, Runtime, runtimes
from interop.errors import UsageError

_FORM = "a backend is written runtime[@version]:device[:precision], as in torch@2.13:cpu"


@dataclass(frozen=True)
class Backend:
    """One place to run a model. version: None takes what is pinned; precision: None, what the
    device runs in unasked."""

    runtime: str
    version: str | None = None
    device: str = "cpu"
    precision: str | None = None

    def __str__(self) -> str:
        version = "" if self.version is None else f"@{self.version}"
        precision = "" if self.precision is None else f":{self.precision}"
        return f"{self.runtime}{version}:{self.device}{precision}"

    @property
    def row(self) -> Runtime:
        return runtimes()[self.runtime]

    @property
    def place(self) -> Place:
        found = self.row.place(self.device)
        assert found is not None, "parse has seen to that"
        return found

    @property
    def runs_in(self) -> str:
        """The precision that it runs in."""
        return self.precision or self.place.precisions[0]


def parse(text: str) -> Backend:
    """Read one backend; where no device is named, it is the runtime's first: `cpu`, if it has that.

    Raises UsageError naming what there is, where a part of it is not in the table. Whether the
    device is on this machine is for `open_runner` to find out.
    """
    head, *rest = text.strip().lower().split(":")
    name, at, version = head.partition("@")
    if len(rest) > 2 or not name:
        raise UsageError(f"'{text}' is no backend", hint=_FORM)
    row = _row(name, text)
    if at:
        _check_version(version, text)
    place = _place(row, rest[0] if rest else row.places[0].device, text)
    precision = rest[1] if len(rest) > 1 else place.precisions[0]
    if precision not in place.precisions:
        raise UsageError(
            f"{row.title} on {place.device} has no precision '{precision}' (in '{text}')",
            hint=_nearest(precision, place.precisions)
            + f"it runs in {', '.join(place.precisions)}",
        )
    usual = precision == place.precisions[0]
    return Backend(row.name, version if at else None, place.device, None if usual else precision)


def parse_list(text: str) -> tuple[Backend, ...]:
    """Backends with commas between them, each once, in order.

    Raises UsageError as `parse`, and where there is none.
    """
    found = tuple(dict.fromkeys(parse(part) for part in text.split(",") if part.strip()))
    if not found:
        raise UsageError("no backend is named", hint=f"there are {', '.join(runtimes())}")
    return found


def _row(name: str, text: str) -> Runtime:
    rows = {word: row for row in runtimes().values() for word in (row.name, *row.aliases)}
    if name not in rows:
        raise UsageError(
            f"there is no runtime '{name}' (in '{text}')",
            hint=_nearest(name, rows) + f"there are {', '.join(runtimes())}",
        )
    return rows[name]


def _place(row: Runtime, device: str, text: str) -> Place:
    found = row.place(device)
    if found is None:
        there = [place.device for place in row.places]
        raise UsageError(
            f"{row.title} does not run on '{device}' here (in '{text}')",
            hint=_nearest(device, there) + f"it runs on {', '.join(there)}",
        )
    return found


def _check_version(version: str, text: str) -> None:
    try:
        Version(version)
    except InvalidVersion as error:
        raise UsageError(f"'{version}' in '{text}' is not a version", hint=_FORM) from error


def _nearest(word: str, words: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(words), n=1)
    return f"did you mean {near[0]}? " if near else ""
