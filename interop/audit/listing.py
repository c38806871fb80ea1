"""Several models to audit: a TOML file that lists them.

[[models]]
model = "mine.onnx"                    # as the command takes one; a path is seen from this file
name = "mine"                          # of its folder and row; [default: that of the model]
from = "torch"                         # these as the command's options
inputs = ["x:float32[batch,16]"]
data = "mine.npz"
labels = "right.npy"
sizes = { sequence = 64 }
signature = "serve"
weights = "mine.pt"
trust = true
package = "magika"                     # `model` and `weights` are files of that package

[packages.magika]
requirement = "magika==1.0.3"
registry = "pip"                       # or npm
licence = "Apache-2.0"
what = "file types from their first bytes"
files = { "magika/models/standard_v3_3/model.onnx" = "fe2d2eb4" }   # first digits of its SHA-256
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from interop.audit.packages import CLIENTS, Package, fetch
from interop.conversion import Request
from interop.environments import cache_folder
from interop.errors import InvalidModel, UsageError
from interop.signature import parse_input

ENDING = ".toml"

#: Keys of a model, and what their values are.
_MODEL = {
    "model": str, "name": str, "from": str, "inputs": list, "data": str, "labels": str, "sizes": dict,
    "signature": str, "weights": str, "trust": bool, "package": str,
}  # fmt: skip
_PACKAGE = {"requirement": str, "registry": str, "licence": str, "what": str, "files": dict}


@dataclass(frozen=True)
class Entry:
    """One model. text: as it was named; package: where its files come from, and the folder for them;
    labels: what is right for its inputs."""

    name: str
    text: str
    request: Request
    package: tuple[Package, Path] | None = None
    labels: Path | None = None

    def ready(self) -> Request:
        """What to audit, its package's files fetched. Raises InvalidModel where they cannot be had."""
        if self.package is not None:
            fetch(*self.package)
        return self.request


def entries(arguments: Collection[str], common: Request) -> tuple[Entry, ...]:
    """All models that `arguments` name, a list's in its place; what a list says of a model goes before
    `common`. Names are made different where they are not.

    Raises UsageError for a list that cannot be read, InvalidModel for one that is not there.
    """
    found: list[Entry] = []
    for text in arguments:
        if text.endswith(ENDING):
            found += _listed(Path(text), common)
        else:
            name = re.sub(r"[^\w.-]+", "_", Path(text.rpartition(":")[2]).stem)
            found.append(Entry(name, text, replace(common, model=text)))
    return tuple(_told_apart(found))


def packages(path: Path) -> dict[str, Package]:
    """The packages of the list in that file. Raises as `entries`."""
    return {
        name: _package(path, name, table) for name, table in _read(path).get("packages", {}).items()
    }


def _told_apart(found: list[Entry]) -> list[Entry]:
    seen: dict[str, int] = {}
    for index, one in enumerate(found):
        seen[one.name] = seen.get(one.name, 0) + 1
        if seen[one.name] > 1:
            found[index] = replace(one, name=f"{one.name}-{seen[one.name]}")
    return found


def _listed(path: Path, common: Request) -> list[Entry]:
    content, known = _read(path), packages(path)
    rows = content.get("models")
    if not isinstance(rows, list) or not rows:
        raise UsageError(f"{path} lists no models", hint="Give it a table [[models]] for each.")
    return [_entry(path, row, known, common) for row in rows]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidModel(f"the list {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the list {path} is no TOML: {error}") from error
    _check(path, "it", content, {"models": list, "packages": dict})
    return content


def _package(path: Path, name: str, table: Any) -> Package:
    _check(path, f"package {name}", table, _PACKAGE)
    missing = _PACKAGE.keys() - table.keys() - {"registry"}
    if missing or table.get("registry", "pip") not in CLIENTS:
        raise UsageError(
            f"{path}: package {name} needs {', '.join(sorted(_PACKAGE))}",
            hint=f"Registries are {', '.join(CLIENTS)}.",
        )
    return Package(**table)


def _entry(path: Path, row: Any, known: Mapping[str, Package], common: Request) -> Entry:
    _check(path, "a model", row, _MODEL)
    if "model" not in row:
        raise UsageError(f"{path}: a model has no key 'model'", hint="It says which one it is.")
    beside, package = path.absolute().parent, None
    home = beside
    if "package" in row:
        if row["package"] not in known:
            raise UsageError(
                f"{path}: there is no package {row['package']!r} in it",
                hint=f"There are {', '.join(known) or 'none'}.",
            )
        chosen = known[row["package"]]
        home = cache_folder() / "packages" / re.sub(r"[^\w.=-]+", "_", chosen.requirement)
        package = chosen, home
    model = _placed(home, row["model"], package is not None and not _called(row["model"]))
    weights, data, labels = row.get("weights"), row.get("data"), row.get("labels")
    request = replace(
        common,
        model=model,
        source=row.get("from", common.source),
        inputs=tuple(map(parse_input, row["inputs"])) if "inputs" in row else common.inputs,
        data=common.data if data is None else Path(_placed(beside, data, False)),
        sizes={**common.sizes, **row.get("sizes", {})},
        signature=row.get("signature", common.signature),
        weights=common.weights if weights is None else home / weights,
        trust=row.get("trust", common.trust),
        beside=beside,
    )
    name = row.get("name", Path(row["model"]).stem)
    right = None if labels is None else Path(_placed(beside, labels, False))
    return Entry(re.sub(r"[^\w.-]+", "_", name), row["model"], request, package, right)


def _placed(folder: Path, text: str, surely: bool) -> str:
    """A path seen from `folder`, where it is one: what is there, or `surely` will be."""
    return str(folder / text) if surely or (folder / text).exists() else text


def _called(text: str) -> bool:
    """Whether it is package.module:callable."""
    return ":" in text


def _check(path: Path, what: str, table: Any, keys: Mapping[str, type]) -> None:
    """Raise UsageError where `table` is none, or has a key that is none of these, or of another type."""
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {what} is no table")
    for key, value in table.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            raise UsageError(
                f"{path}: {what} has an unknown key '{key}'",
                hint=(f"Did you mean {near[0]}? " if near else "") + f"Keys: {', '.join(keys)}.",
            )
        if not isinstance(value, keys[key]):
            raise UsageError(f"{path}: '{key}' of {what} is {value!r}, no {keys[key].__name__}")
