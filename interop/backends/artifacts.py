"""What a runtime that takes no ONNX runs: written and built once for a model, and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from interop import output, targets
from interop.backends.grammar import Backend
from interop.backends.table import WRITTEN
from interop.dialect import Dialect
from interop.environments import Environment
from interop.errors import UsageError
from interop.graph.canonical import canonicalize
from interop.progress import Progress
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors

_DIALECT = "dialect.json"


@dataclass(frozen=True)
class Built:
    """The framework's own artifact, and how it calls what the model takes and gives (None: as ONNX
    does). said: what building it has shown, for a machine that cannot run it."""

    path: Path
    dialect: Dialect | None
    said: str = ""


def built(
    model: Path,
    backend: Backend,
    home: Environment,
    folder: Path,
    *,
    calibration: tuple[str, ...],
    builder: Callable[[], Worker],
    progress: Progress,
) -> Built:
    """The artifact of the ONNX file `model` for `backend`, below `folder`; made where it is not there.

    calibration: folders of inputs under the ONNX names, for a precision that needs some. builder:
    starts the worker that builds it.

    Raises UnsupportedOperator, naming the nodes that the framework has no lowering for; UsageError
    for int8 without calibration; and what building raises. Then nothing is left behind.
    """
    framework = backend.place.framework
    kind = targets.kind_of(framework)
    if backend.runs_in == "int8" and not calibration:
        raise UsageError(
            f"{backend} needs inputs to calibrate the ranges of its activations on",
            hint="Give some of your own with --data.",
        )
    facts = [*digests(model), *(output.digest(Path(folder)) for folder in calibration)]
    key = hashlib.sha256("".join(facts).encode()).hexdigest()[:16]
    written = WRITTEN.get(backend.runs_in, "float32")
    place = folder / f"{framework}-{home.version}-{written}-{key}"
    if not place.exists():
        with output.staged(place) as aside, progress.stage(f"convert for {backend}"):
            target = targets.lower(canonicalize(model), framework, aside)
            ready = _handed(calibration, target.dialect, aside / "calibration")
            with builder() as worker:
                targets.build(target, worker, written, ready)
            (aside / _DIALECT).write_text(json.dumps(asdict(target.dialect)), "utf-8")
    dialect = Dialect(**json.loads((place / _DIALECT).read_text("utf-8")))
    return Built(place / kind.artifact, dialect)


def _handed(calibration: tuple[str, ...], dialect: Dialect, folder: Path) -> list[str]:
    folders = [folder / str(index) for index in range(len(calibration))]
    for given, target in zip(calibration, folders, strict=True):
        write_tensors(target, dialect.hand_over(read_tensors(given)))
    return [str(target) for target in folders]


def digests(model: Path) -> list[str]:
    """Of the model's file, and of its weights beside it, if there are."""
    beside = model.with_name(f"{model.name}.data")
    return [output.digest(path) for path in (model, beside) if path.exists()]
