"""What an audit has finished, in its output folder: a run that was killed goes on from there.

What would come out again is kept: a grade, a refusal. A crash, a time limit or a missing environment
is not, so that it is tried again. Each row is kept under all that decided it (the hashes of model and
inputs, the backend, versions, seed, settings); where any of that has changed, the row is not found.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from interop.errors import InvalidModel, OutputError, UsageError
from interop.journal import Journal
from interop.output import check_free, disk_errors

LEDGER = "ledger.jsonl"

#: For whatever lies in the output folder while an audit runs, and no longer.
WORK, LOCK = ".work", ".lock"

#: What the backends were given, converted; kept as long as the audit is not finished.
ARTIFACTS = ".artifacts"


class Ledger:
    """The rows of one model. facts: what decides all of them; a row's own key comes to it."""

    def __init__(self, path: Path, facts: Mapping[str, Any]) -> None:
        self._journal, self._facts = Journal(path), facts
        self._rows = dict(_read(self._journal))

    def find(self, kind: str, **key: Any) -> dict[str, Any] | None:
        """The row that was kept last under that key, or None."""
        return self._rows.get(self._key(kind, key))

    def keep(self, kind: str, row: Mapping[str, Any], **key: Any) -> None:
        """Returns when it is on disk."""
        self._journal.append({"kind": kind, "key": {**self._facts, **key}, "row": dict(row)})

    def _key(self, kind: str, key: Mapping[str, Any]) -> str:
        return _text(kind, {**self._facts, **key})


def _text(kind: str, key: Mapping[str, Any]) -> str:
    return json.dumps([kind, key], sort_keys=True)


def _read(journal: Journal) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in journal.lines():
        try:
            yield _text(line["kind"], line["key"]), line["row"]
        except (KeyError, TypeError) as error:
            raise InvalidModel(
                f"line {number} of {journal.path} is not a row of an audit",
                hint="Give another --output, or remove that file.",
            ) from error


def check_begins(folder: Path, finished: str, *, force: bool, resume: bool) -> None:
    """Raise OutputError, before any work is done, where an audit into `folder` would take away what
    is there; `finished` is the file that says of an audit that it was. Raises as check_finished."""
    check_finished(folder, finished, force=force, resume=resume)
    begun_before = any((folder / name).is_file() for name in (LEDGER, finished))
    check_free(folder, force=force or begun_before)


def check_finished(folder: Path, finished: str, *, force: bool, resume: bool) -> None:
    """Raise OutputError where `folder` holds an audit that is `finished`, and is neither to be resumed
    nor done anew; UsageError for both at once."""
    if force and resume:
        raise UsageError(
            "--force begins anew, --resume goes on from what there is", hint="Give one of them."
        )
    if (folder / finished).is_file() and not (force or resume):
        raise OutputError(
            f"{folder} holds an audit that is finished",
            hint="Say --resume to run again what has changed since, --force to do it all again, "
            "or give another --output.",
        )


@contextmanager
def begun(folder: Path, *, force: bool) -> Iterator[Path]:
    """The output folder, there and held against other commands; yields a scratch folder inside.

    What ended with no row to keep leaves no folder behind. Raises OutputError where another command
    is at work in it.
    """
    work = folder / WORK
    with disk_errors(folder):
        new = _made(folder)
        try:
            with FileLock(folder / LOCK, timeout=0):
                if force:
                    (folder / LEDGER).unlink(missing_ok=True)
                    shutil.rmtree(folder / ARTIFACTS, ignore_errors=True)
                shutil.rmtree(work, ignore_errors=True)  # of one that was killed
                work.mkdir()
                try:
                    yield work
                finally:
                    shutil.rmtree(work, ignore_errors=True)
        except Timeout as error:
            raise OutputError(
                f"another command is at work in {folder}", hint="Wait for it, or end it."
            ) from error
        finally:
            if not (folder / LEDGER).exists():
                shutil.rmtree(folder if new else folder / ARTIFACTS, ignore_errors=True)


def _made(folder: Path) -> bool:
    """Whether it was made here and now."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True
