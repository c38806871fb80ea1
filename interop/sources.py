"""The source side: a model reference, loaded in its framework's worker and written as ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interop.errors import InvalidModel, UsageError
from interop.reference import ModelReference
from interop.workers import Worker

if TYPE_CHECKING:
    from interop.conversion import Request


#: Frameworks whose models may hold several functions, by name.
_SIGNED = ("tensorflow", "tflite")

#: Frameworks in which a callable gives the architecture, and a file beside it what was learned.
_WEIGHTED = ("torch",)


@dataclass(frozen=True)
class Source:
    """The model as its exporter wrote it, and what the exporter had to give up."""

    onnx: Path
    notes: tuple[str, ...]


def load(reference: ModelReference, worker: Worker, request: Request, scratch: Path) -> Source:
    """Load the model in `worker`, where it stays loaded for comparison, and export it.

    An ONNX file is its own export; `make_ready` loads it, after it was found to be sound.
    """
    if request.signature is not None and reference.framework not in _SIGNED:
        raise UsageError(
            f"a model in {reference.framework} has no signatures to choose from",
            hint="Leave --signature away.",
        )
    if request.weights is not None:
        _check_weights(reference, request.weights)
    if reference.framework == "onnx":
        assert reference.path is not None
        return Source(reference.path, ())
    path = scratch / "exported.onnx"
    inputs, outputs, sizes = _declared(reference, request)
    chosen: dict[str, Any] = {} if request.signature is None else {"signature": request.signature}
    if request.weights is not None:
        chosen["weights"] = str(request.weights.resolve())
    answer = worker.call(
        "load_and_export",
        reference=reference.target,
        path=str(path),
        inputs=inputs,
        outputs=outputs,
        sizes=sizes,
        trust=request.trust,
        **chosen,
    )
    return Source(path, tuple(answer["notes"]))


def _check_weights(reference: ModelReference, weights: Path) -> None:
    if reference.framework not in _WEIGHTED or reference.path is not None:
        raise UsageError(
            "--weights goes with an architecture: a package.module:callable in "
            + " or ".join(_WEIGHTED),
            hint="A file or folder brings its own weights: leave --weights away.",
        )
    if not weights.is_file():
        raise InvalidModel(f"there is no file {weights}", hint="Check the path.")


def make_ready(reference: ModelReference, worker: Worker) -> None:
    """Let `worker` run the model, where exporting it has not loaded it already."""
    if reference.framework == "onnx":
        worker.call("load", path=str(reference.path))


def _declared(
    reference: ModelReference, request: Request
) -> tuple[list[dict[str, Any]] | None, list[str] | None, dict[str, int]]:
    """What is known of the inputs without asking the model: from the command line, the zoo, or
    the manifest beside an artifact of ours."""
    if request.inputs:
        return [spec.to_json() for spec in request.inputs], None, request.sizes
    if reference.artifact is not None:
        signature = reference.artifact.signature
        names = [spec.name for spec in signature.outputs]
        return [spec.to_json() for spec in signature.inputs], names, request.sizes
    if reference.architecture is None:
        return None, None, request.sizes
    entry = reference.architecture
    inputs = [
        {"name": i.name, "dtype": i.dtype, "shape": list(i.shape)}
        for i in entry.inputs_in(reference.framework)
    ]
    return inputs, list(entry.outputs), {**entry.sizes, **request.sizes}
