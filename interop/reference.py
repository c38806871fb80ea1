"""What a user may name as a model: a zoo name, a file or folder, or `package.module:callable`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from interop.artifact import Artifact, artifact_in
from interop.errors import InvalidModel, UsageError
from interop.frameworks import known
from interop.models import Architecture, find

_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def _endings() -> dict[str, str]:
    """File endings that say which framework wrote a file."""
    return {ending: row.name for row in known().values() for ending in row.endings}


@dataclass(frozen=True)
class ModelReference:
    """`target` is what the framework's worker resolves: a path, or `package.module:callable`."""

    text: str
    framework: str
    target: str
    name: str  # a short name for folders
    architecture: Architecture | None = None  # set for zoo models
    path: Path | None = None  # set for files and folders
    artifact: Artifact | None = None  # set where a manifest of ours says what the path holds


def resolve(text: str, framework: str | None) -> ModelReference:
    """Read `text`; `framework` is the canonical name from --from, or None to derive it.

    Raises UsageError for a zoo name that does not exist or that the framework does not define,
    InvalidModel for a file that does not exist.
    """
    path = Path(text)
    if path.exists() or _looks_like_path(text):
        return _file(text, path, framework)
    if _CALLABLE.fullmatch(text):
        name = re.sub(r"\W+", "_", text.rpartition(":")[2])
        return ModelReference(text, framework or "torch", text, name)
    architecture = find(text)
    source = framework or "torch"
    if source not in architecture.definitions:
        raise UsageError(
            f"the zoo does not define {architecture.name} in {source}",
            hint=f"It is defined in {', '.join(sorted(architecture.definitions))}.",
        )
    return ModelReference(
        text, source, architecture.definitions[source], text, architecture=architecture
    )


def _looks_like_path(text: str) -> bool:
    return "/" in text or "\\" in text or Path(text).suffix.lower() in _endings()


def _file(text: str, path: Path, framework: str | None) -> ModelReference:
    if not path.exists():
        raise InvalidModel(f"there is no file {path}", hint="Check the path.")
    artifact = artifact_in(path)
    if artifact is not None:
        if framework not in (None, artifact.framework):
            raise UsageError(
                f"{path} holds a model in {artifact.framework}, not in {framework}",
                hint=f"Leave --from away, or say --from {artifact.framework}.",
            )
        name = re.sub(r"[^\w.-]+", "_", path.resolve().name)
        target = artifact.path
        return ModelReference(
            text, artifact.framework, str(target), name, path=target, artifact=artifact
        )
    source = framework or _endings().get(path.suffix.lower())
    if source is None:
        raise UsageError(
            f"the ending of {path} does not say which framework wrote it",
            hint="Say it with --from.",
        )
    name = re.sub(r"[^\w.-]+", "_", path.stem)
    return ModelReference(text, source, str(path.resolve()), name, path=path.resolve())
