"""A model made in another precision, for backends that compute in what the model says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from interop import output
from interop.backends.artifacts import digests
from interop.backends.grammar import Backend
from interop.errors import UsageError
from interop.graph.bfloat16 import compute_in_bfloat16
from interop.graph.canonical import save
from interop.graph.load import load
from interop.graph.stored import as_stored
from interop.progress import Progress
from interop.workers import Worker

#: Runs ONNX Runtime's tools.
MAKER = "interop.converters.onnxruntime.variants"

#: Those that look at inputs.
_CALIBRATED = ("int8", "fp8")

#: What `make` makes itself; for the rest it asks `MAKER`.
_OURS = "bf16"


def typed(
    model: Path,
    backend: Backend,
    folder: Path,
    calibration: Sequence[str],
    *,
    maker: Callable[[], Worker],
    progress: Progress,
) -> Path:
    """The ONNX file `model` in the precision of `backend`, below `folder`, made where it is not there;
    where its own types are what is computed in `model` itself, its weights as they are stored.

    calibration: folders of inputs, for a precision that needs some. maker: starts the worker that
    makes it.

    Raises UsageError for int8 or fp8 without calibration, and UnsupportedOperator where it cannot be made.
    """
    precision = backend.runs_in
    if precision not in backend.place.typed:
        return as_stored(model)
    if precision in _CALIBRATED and not calibration:
        raise UsageError(
            f"{backend} needs inputs to calibrate the ranges of its activations on",
            hint="Give some of your own with --data.",
        )
    seen = tuple(calibration) if precision in _CALIBRATED else ()
    facts = [*digests(model), *(output.digest(Path(one)) for one in seen)]
    variant = backend.place.typed[precision]
    place = folder / f"{variant}-{hashlib.sha256(''.join(facts).encode()).hexdigest()[:16]}"
    if not place.exists():
        with output.staged(place) as aside, progress.stage(f"convert to {precision} for {backend}"):
            make(model, aside / "model.onnx", variant, seen, maker)
    return place / "model.onnx"


def make(
    model: Path, path: Path, variant: str, calibration: Sequence[str], maker: Callable[[], Worker]
) -> None:
    """Write the canonical `model` to `path`, computing in `variant`: bf16, or what `MAKER` can.

    calibration: folders of inputs, for a variant that needs some. maker: starts that worker. Raises
    UnsupportedOperator where the model cannot be made.
    """
    if variant == _OURS:
        graph = load(model)
        compute_in_bfloat16(graph)
        save(graph, path)
        return
    with maker() as worker:
        worker.call(
            "make_variant", model=model, path=path, precision=variant, calibration=list(calibration)
        )
