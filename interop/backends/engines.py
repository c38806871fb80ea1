"""Engines: what TensorRT builds of a model for one device and some sizes, kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from interop import output
from interop.backends.artifacts import Built, digests
from interop.backends.grammar import Backend
from interop.backends.profiles import profile
from interop.doctor import Gpu
from interop.environments import Environment, default_store
from interop.progress import Progress
from interop.workers import Worker
from interop.workers.tensors import read_tensors

#: Raised when engines of before are not to be used any more.
_LAYOUT = 1

_ENGINE, _FACTS = "model.engine", "engine.json"


def engine(
    model: Path,
    backend: Backend,
    home: Environment,
    gpu: Gpu,
    inputs: Sequence[str],
    *,
    builder: Callable[[], Worker],
    progress: Progress,
) -> Built:
    """The engine of the ONNX file `model` for `backend`, for the sizes of the folders `inputs`; built
    where the cache has none of the same facts.

    builder: starts the worker that builds it.

    Raises UnsupportedOperator, naming the nodes that TensorRT refuses; UsageError where it needs
    inputs; and what the worker raises. Then nothing is left behind.
    """
    facts = _facts(model, backend, home, gpu, inputs)
    place = engines_folder() / f"{backend.runtime}-{home.version}-{_key(facts)}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_name(f"{place.name}.lock")):
        if not place.exists():
            with output.staged(place) as aside, progress.stage(f"build an engine for {backend}"):
                with builder() as worker:
                    built = worker.call(
                        "build", model=model, path=aside / _ENGINE, precision=backend.runs_in,
                        profile=facts["profile"],
                    )  # fmt: skip
                output.write_json(facts | built, aside / _FACTS)
    known = json.loads((place / _FACTS).read_text("utf-8"))
    said = (
        f"it parses and builds for {backend.row.title} {home.version}: {known['layers']} layers, "
        f"an engine of {known['bytes'] / 1e6:.1f} MB"
    )
    return Built(place / _ENGINE, None, said)


def engines_folder() -> Path:
    """Where they are kept. Each can be deleted at any time: it is built anew."""
    return default_store().root.parent / "engines"


def _facts(
    model: Path, backend: Backend, home: Environment, gpu: Gpu, inputs: Sequence[str]
) -> dict[str, Any]:
    """All that decides what is built."""
    return {
        "layout": _LAYOUT,
        "model": digests(model),
        "runtime": backend.runtime,
        "version": home.version,
        "precision": backend.runs_in,
        "profile": profile([read_tensors(folder) for folder in inputs]),
        "driver": gpu.driver,
        "devices": list(gpu.names),
        "compute_capabilities": list(gpu.capabilities),
    }


def _key(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
