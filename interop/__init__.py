"""Carry a model from the framework it was born in to any other, by way of ONNX, with proof.

import interop
done = interop.convert("resnet", source="torch", target="tf")
done.grade, done.folder, done.manifest
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interop.checks import Check
    from interop.conversion import Conversion
    from interop.progress import Progress
    from interop.trips import RoundTrip

__version__ = "0.1.0"
__all__ = ["__version__", "check", "convert", "roundtrip"]


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
    them: force, inputs, data, sizes, signature, weights, channels_last, precision, opset, trust,
    seed, timeout, verbose. The record that comes back is what the command line renders; a failed
    grade is a result, not an exception.

    Raises the errors of interop.errors.
    """
    # Imported here, so that `import interop` (and so every command's --help) stays quick.
    from interop.conversion import Request, run

    path = None if output is None else Path(output)
    return run(Request(model=model, target=target, source=source, output=path, **options), progress)


def check(
    model: str,
    *others: str,
    on: str | Sequence[str] = (),
    against: str | Path | None = None,
    output: str | Path | None = None,
    force: bool = False,
    gradients: bool = False,
    layers: bool = False,
    rebuild: bool = False,
    labels: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Check:
    """Hold `model` on the backends of `on`, `others` and recorded outputs against its float64 truth.

    interop.check("resnet18", on="onnxruntime:cpu,torch:cpu").rows[1]["effective_bits"]

    `on` is as for `interop check --on`, or a sequence of backends; `options` are as for `convert`.
    `gradients`, `layers`, `rebuild` and `labels` look at more of each side, as in `interop check`.
    A side that does not run, or computes something else, is a row, and no exception.

    Raises the errors of interop.errors where the model itself or its inputs are at fault.
    """
    from interop.backends import parse_list
    from interop.checks import CheckRequest, run
    from interop.conversion import Request

    wanted = on if isinstance(on, str) else ",".join(on)
    return run(
        CheckRequest(
            Request(model=model, target="", **options),
            others,
            parse_list(wanted) if wanted else (),
            None if against is None else Path(against),
            None if output is None else Path(output),
            force,
            gradients,
            layers,
            rebuild,
            None if labels is None else Path(labels),
        ),
        progress,
    )


def roundtrip(
    model: str,
    through: Sequence[str],
    *,
    source: str | None = None,
    output: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> RoundTrip:
    """Carry `model` through the frameworks of `through`, each time from what was written last.

    interop.roundtrip("resnet", ["torch", "tf", "torch"]).hops[-1].first.effective_bits

    `options` are as for `convert`. A hop that changes the function is a result, not an exception.

    Raises the errors of interop.errors, naming the hop.
    """
    from interop.conversion import Request
    from interop.trips import run

    path = None if output is None else Path(output)
    request = Request(model=model, target="", source=source, output=path, **options)
    return run(request, through, progress)
