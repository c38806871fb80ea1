"""What came of one cell, and the ledger that keeps them: one JSON line each, on disk when it returns."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from interop.errors import InteropError, InvalidModel
from interop.journal import Journal

#: Raised when a key changes its meaning or goes away; new keys alone do not raise it.
SCHEMA_VERSION = 1

LEDGER = "cells.jsonl"


class Key(NamedTuple):
    """Which cell."""

    model: str
    source: str
    target: str


@dataclass(frozen=True)
class Failure:
    """Why a cell has no grade. type: a class of interop.errors, or of Python for a fault of ours.

    stage: what was being done; end: at which end of the way, "source" or "target"; exit_code: what
    the command would have ended in.
    """

    type: str
    message: str
    hint: str
    exit_code: int
    stage: str
    end: str


@dataclass(frozen=True)
class Cell:
    """One conversion: graded, or failed.

    via: where the zoo does not define the model in `source`, the framework whose definition was
    converted to it first; else empty. effective_bits: by output. seed: of its inputs. latency: as in
    the manifest. seconds: of this cell alone; what all cells of its group share is not in it.
    """

    model: str
    source: str
    target: str
    via: str = ""
    grade: str | None = None
    passes: bool = False
    effective_bits: dict[str, float | None] = field(default_factory=dict)
    sentence: str = ""
    seed: int | None = None
    latency: dict[str, Any] | None = None
    artifact_bytes: int | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    failure: Failure | None = None
    finished: str = ""

    @property
    def key(self) -> Key:
        return Key(self.model, self.source, self.target)

    @property
    def worst_bits(self) -> float | None:
        """Of the worst output; None where none is of floating point, or there is no grade."""
        return min(
            (bits for bits in self.effective_bits.values() if bits is not None), default=None
        )

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "notes": list(self.notes)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Cell:
        """Raises KeyError or TypeError for what is no cell."""
        failure = None if data["failure"] is None else Failure(**data["failure"])
        return Cell(**{**data, "notes": tuple(data["notes"]), "failure": failure})


def graded(key: Key, via: str, manifest: dict[str, Any], seconds: float) -> Cell:
    """The cell of a conversion that was carried through, from its manifest."""
    return Cell(
        *key,
        via=via,
        grade=manifest["grade"],
        passes=manifest["rule"]["passes"],
        effective_bits=manifest["parity"]["effective_bits"],
        sentence=manifest["rule"]["sentence"],
        seed=manifest["parity"]["seed"],
        latency=manifest["latency"],
        artifact_bytes=manifest["artifacts"][0]["bytes"],
        seconds=round(seconds, 2),
        notes=tuple(manifest["notes"]),
        versions={end: manifest[end]["version"] for end in ("source", "target")},
        finished=now(),
    )


def failed(
    key: Key, via: str, error: Exception, stage: str, end: str, seconds: float = 0.0
) -> Cell:
    """The cell of a conversion that ended in `error`; stage, end: see `Failure`."""
    if isinstance(error, InteropError):
        failure = Failure(_kind(error), error.message, error.hint, error.exit_code, stage, end)
    else:
        failure = Failure(
            type(error).__name__, str(error), "a fault of interop itself", 1, stage, end
        )
    return Cell(*key, via=via, failure=failure, seconds=round(seconds, 2), finished=now())


def _kind(error: InteropError) -> str:
    """The class of interop.errors that it is of."""
    return next(cls.__name__ for cls in type(error).__mro__ if cls.__module__ == "interop.errors")


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class Ledger:
    """Finished cells in a file, in the order in which they finished; the last of a key counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal = Journal(path)

    def append(self, cell: Cell) -> None:
        """Returns when the cell is on disk."""
        self._journal.append(cell.to_json())

    def cells(self) -> dict[Key, Cell]:
        """What is finished. Raises InvalidModel for a file that is no ledger of this version."""
        return {cell.key: cell for cell in self._read()}

    def _read(self) -> Iterator[Cell]:
        for number, data in self._journal.lines():
            try:
                yield Cell.from_json(data)
            except (KeyError, TypeError) as error:
                raise InvalidModel(
                    f"line {number} of {self.path} is not a cell of a matrix",
                    hint="Give another --output, or remove that file.",
                ) from error
