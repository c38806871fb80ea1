"""The JSON document that every conversion ends in: what ran, on what, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interop import output

#: Raised when a key changes its meaning or goes away; new keys alone do not raise it.
SCHEMA_VERSION = 1

FILE = "manifest.json"


def write(manifest: dict[str, Any], folder: Path) -> None:
    """Write `manifest` into `folder`, readable by people too."""
    output.write_json(manifest, folder / FILE)
