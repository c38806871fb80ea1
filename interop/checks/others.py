"""Another model, run by its own framework, under the names of the first."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import onnx_ir as ir

from interop import sources
from interop.backends.translated import Translated
from interop.checks.attempts import Attempt
from interop.checks.pairing import Names, pair
from interop.checks.unaided import Trials
from interop.conversion import Request, Workers, provide_for
from interop.errors import UsageError
from interop.frameworks import known
from interop.graph.canonical import signature_of
from interop.models import images_last
from interop.progress import Progress
from interop.proof import Plan
from interop.reference import ModelReference, resolve
from interop.signature import Signature
from interop.workers import Worker


def attempt(
    text: str, ours: Names, plan: Plan, request: Request, scratch: Path, progress: Progress,
    inputs: list[str], trials: Trials | None = None,
) -> Attempt:  # fmt: skip
    """The model that `text` names, run on `inputs` in its own framework, and on `trials` afterwards.

    Whatever goes wrong with it is the outcome; but that its inputs or outputs cannot be paired with
    ours raises UsageError.
    """
    reference = resolve(text, None)
    row = Attempt(text, "artifact", framework=reference.framework)
    scratch.mkdir()
    outputs = tuple(str(scratch / "outputs" / str(number)) for number in range(len(inputs)))
    try:
        with ExitStack() as stack, progress.stage(f"run {text}"):
            home = provide_for(reference.framework, None, progress)
            worker = Workers(stack, request).open(home, "other")
            start = time.perf_counter()
            signature = _load(reference, worker, request, scratch)
            ready = time.perf_counter() - start
            dialect, notes = pair(ours, names_of(reference, signature), text)
            start = time.perf_counter()
            run = Translated(worker, dialect, scratch / "translated").run
            run(inputs, outputs)
            seconds = {"ready": ready, "run": time.perf_counter() - start}
            return replace(
                row, version=home.version, outputs=outputs, seconds=seconds,
                notes=tuple(notes), peak_memory=worker.peak_memory,
                trials=trials.run(run, scratch / "trials") if trials else (),
            )  # fmt: skip
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is a row, and not the end
        return replace(row, error=error)


def names_of(reference: ModelReference, signature: Signature) -> Names:
    """Of a model whose export has that signature; the zoo's definitions say how images lie in them."""
    names = Names.of(reference, signature)
    if reference.architecture is not None and images_last(reference.framework):
        return replace(names, channels_last=True)
    return names


def _load(reference: ModelReference, worker: Worker, request: Request, scratch: Path) -> Signature:
    """Load the model where it runs; a conversion's folder says itself what its tensors are called."""
    if reference.artifact is not None:
        path, kind = reference.artifact.path, known()[reference.framework].kind
        assert kind is not None
        # Where only source could be written, its loader looks for that beside the missing artifact.
        worker.call(
            "load", path=path / kind.artifact if _only_source(path, kind.artifact) else path
        )
        return reference.artifact.signature
    source = sources.load(reference, worker, request, scratch)
    sources.make_ready(reference, worker)
    model = ir.load(source.onnx)
    constants = set(model.graph.initializers)
    for value in [value for value in model.graph.inputs if value.name in constants]:
        model.graph.inputs.remove(value)  # before IR version 4 every weight was an input as well
    return signature_of(model)


def _only_source(path: Path, artifact: str) -> bool:
    return path.is_dir() and path.name != artifact
