"""A folder that a conversion wrote, read back through its manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop import manifest
from interop.dialect import Dialect
from interop.errors import InvalidModel
from interop.graph.layout import last_order
from interop.signature import Dim, Signature, TensorSpec


@dataclass(frozen=True)
class Artifact:
    """What the folder holds: `path` is the framework's own artifact in it, or the folder itself
    where only source could be written; `signature` is the artifact's own, in its names and layout;
    `dialect` has the names that the model had where it was converted from.
    """

    framework: str
    path: Path
    signature: Signature
    dialect: Dialect


def artifact_in(folder: Path) -> Artifact | None:
    """The artifact in `folder`; None where it has no manifest of a conversion.

    Raises InvalidModel where the manifest is broken, or names an artifact that is gone.
    """
    file = folder / manifest.FILE
    if not file.is_file():
        return None
    try:
        document = json.loads(file.read_text("utf-8"))
        if "schema_version" not in document:
            return None  # somebody else's manifest.json
        if document["schema_version"] != manifest.SCHEMA_VERSION:
            raise InvalidModel(
                f"{file} is of schema version {document['schema_version']}, "
                f"and this interop reads {manifest.SCHEMA_VERSION}",
                hint="Convert the model again, or name the artifact inside the folder.",
            )
        first = folder / document["artifacts"][0]["path"]
        found = Artifact(
            document["target"]["framework"],
            (folder if first.name == "model.py" else first).resolve(),
            _signature(document["signature"]),
            _dialect(document["signature"]),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InvalidModel(
            f"{file} cannot be read as the manifest of a conversion: {error}",
            hint="Name the artifact inside the folder, with --from.",
        ) from error
    if not found.path.exists():
        raise InvalidModel(
            f"{file} speaks of {found.path.name}, which is not there", hint="Convert it again."
        )
    return found


def _dialect(document: dict[str, Any]) -> Dialect:
    names, last = document["names"], document["layout"] == "channels last"
    return Dialect(names["inputs"], names["outputs"], last)


def _signature(document: dict[str, Any]) -> Signature:
    given, dialect = Signature.from_json(document), _dialect(document)
    return Signature(
        tuple(_own(spec, dialect.inputs, dialect.channels_last) for spec in given.inputs),
        tuple(_own(spec, dialect.outputs, dialect.channels_last) for spec in given.outputs),
    )


def _own(spec: TensorSpec, names: dict[str, str], last: bool) -> TensorSpec:
    shape: tuple[Dim, ...] | None = spec.shape
    if last and shape is not None and len(shape) == 4:
        shape = tuple(shape[axis] for axis in last_order(4))
    return TensorSpec(names[spec.name], spec.dtype, shape)
