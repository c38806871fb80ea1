"""Results appear whole or not at all: written aside, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interop.errors import OutputError


def check_free(target: Path, *, force: bool) -> None:
    """Raise OutputError, before any work is done, if `target` could not be written in the end."""
    if target.exists() and not force:
        raise OutputError(
            f"{target} exists already", hint="Say --force to replace it, or give another --output."
        )
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target} is a file, not a folder", hint="Give another --output.")
    _check_parent(target)


def _check_parent(path: Path) -> None:
    parent = path.absolute().parent
    if not parent.is_dir():
        raise OutputError(f"there is no folder {parent} to write into", hint="Make it first.")
    if not os.access(parent, os.W_OK):
        raise OutputError(f"no permission to write into {parent}")


def check_file_free(path: Path, *, force: bool) -> None:
    """Raise OutputError, before any work is done, if the file `path` could not be written in the end."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder, not a file", hint="Give another --output.")
    if path.exists() and not force:
        raise OutputError(
            f"{path} exists already", hint="Say --force to replace it, or give another --output."
        )
    _check_parent(path)


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, which becomes `target` when the block ends well.

    Whatever ends the block otherwise (an error, Ctrl-C) leaves `target` as it was and nothing else.
    A full disk is an OutputError.
    """
    target = target.absolute()
    aside = target.with_name(f".{target.name}.partial-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        with disk_errors(aside):
            aside.mkdir()
            yield aside
            _replace(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _replace(aside: Path, target: Path) -> None:
    if not target.exists():
        aside.rename(target)
        return
    old = target.with_name(f".{target.name}.replaced-{os.getpid()}")
    target.rename(old)
    try:
        aside.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn what a full, read-only or forbidden disk does into an OutputError."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG):
            raise
        raise OutputError(
            f"{error.filename or place} could not be written: {os.strerror(error.errno)}",
            hint="Free some space or choose another --output; TMPDIR sets where tensors go meanwhile.",
        ) from error


def write_json(document: dict[str, Any], path: Path) -> None:
    """Write `document` to `path`, readable by people too."""
    path.write_text(_json(document), encoding="utf-8")


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"


def write_json_whole(document: dict[str, Any], path: Path) -> None:
    """Write `document` to `path` whole or not at all. Raises OutputError."""
    write_text_whole(_json(document), path)


def write_text_whole(text: str, path: Path) -> None:
    """Write `text` to `path` whole or not at all. Raises OutputError."""
    aside = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with disk_errors(aside):
            aside.write_text(text, encoding="utf-8")
            aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def digest(path: Path) -> str:
    """SHA-256 (hex) of a file, or of a folder's relative names and contents."""
    total = hashlib.sha256()
    if path.is_file():
        with path.open("rb") as content:
            while chunk := content.read(1 << 20):
                total.update(chunk)
        return total.hexdigest()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        total.update(f"{file.relative_to(path).as_posix()}\0{digest(file)}\n".encode())
    return total.hexdigest()


def size(path: Path) -> int:
    """Bytes in a file, or in all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
