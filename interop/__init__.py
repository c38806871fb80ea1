"""Carry a model from the framework it was born in to any other, by way of ONNX, with proof.

import interop
done = interop.convert("resnet", source="torch", target="tf")
done.grade, done.folder, done.manifest
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interop.conversion import Conversion
    from interop.progress import Progress

__version__ = "0.1.0"
__all__ = ["__version__", "convert"]


def convert(
    model: str,
    *,
    target: str,
    source: str | None = None,
    output: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Conversion:
    """Convert `model` (a zoo name, a file or folder, or "package.module:callable") and prove it.

    `options` are the other fields of interop.conversion.Request, as `interop convert --help` lists
    them: force, inputs, data, sizes, channels_last, trust, seed, timeout, verbose. The record that
    comes back is what the command line renders; a failed grade is a result, not an exception.

    Raises the errors of interop.errors.
    """
    # Imported here, so that `import interop` (and so every command's --help) stays quick.
    from interop.conversion import Request, run

    path = None if output is None else Path(output)
    return run(Request(model=model, target=target, source=source, output=path, **options), progress)
