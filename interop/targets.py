"""The target side: canonical ONNX → readable source → the framework's own artifact."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir
from safetensors import SafetensorError
from safetensors.numpy import save_file

from interop.errors import UsageError
from interop.frameworks import FRAMEWORKS
from interop.graph.expand import expand
from interop.graph.layout import to_channels_last
from interop.graph.narrow import hold_narrow
from interop.source.module import Source
from interop.source.printer import NotLowered
from interop.workers import Worker

if TYPE_CHECKING:
    from interop.conversion import Request


@dataclass(frozen=True)
class Kind:
    """How one framework is written to. `importer` is the host module whose `lower` makes source."""

    importer: str
    layout: str  # "channels last" where the framework's CPU kernels want it
    artifact: str  # the folder or file that `build` writes
    what: str
    precisions: tuple[str, ...] = ("float32",)  # that `build` can write; the first is the default
    #: Types below sixteen bits (ir.DataType) that it computes in; others are held in wider ones.
    narrow: tuple[str, ...] = ()


_FLOATS8 = ("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ")

#: Every framework that can be converted to.
KINDS = {
    "tensorflow": Kind(
        importer="interop.converters.tensorflow.importer",
        layout="channels last",
        artifact="saved_model",
        what="TensorFlow SavedModel, signature serving_default",
        narrow=("FLOAT8E4M3FN", "FLOAT8E5M2"),
    ),
    "torch": Kind(
        importer="interop.converters.torch.importer",
        layout="channels first",
        artifact="model.pt2",
        what="torch.export program",
        narrow=_FLOATS8,
    ),
    "keras": Kind(
        importer="interop.converters.keras.importer",
        layout="channels last",
        artifact="model.keras",
        what="Keras functional model, for any of its backends",
    ),
    "jax": Kind(
        importer="interop.converters.jax.importer",
        layout="channels first",
        artifact="model.jax",
        what="serialised jax.export program",
        narrow=(*_FLOATS8, "FLOAT4E2M1", "INT4", "UINT4", "INT2", "UINT2"),
    ),
    "mxnet": Kind(
        importer="interop.converters.mxnet.importer",
        layout="channels first",
        artifact="model-symbol.json",
        what="MXNet symbol, its parameters beside it; gluon.SymbolBlock loads both",
    ),
    "cntk": Kind(
        importer="interop.converters.cntk.importer",
        layout="channels first",
        artifact="model.model",
        what="CNTK function, which Function.load reads",
    ),
    "tflite": Kind(
        importer="interop.converters.tflite.importer",
        layout="channels last",
        artifact="model.tflite",
        what="TensorFlow Lite model, signature serving_default",
        precisions=("float32", "float16", "int8"),
    ),
}


@dataclass(frozen=True)
class Target:
    """The source as written into `folder`, and the artifact that `build` makes beside it."""

    kind: Kind
    folder: Path
    source: Source
    channels_last: bool

    @property
    def artifact(self) -> Path:
        return self.folder / self.kind.artifact


def lower(model: ir.Model, framework: str, folder: Path, request: Request) -> Target:
    """Write `model.py` and `weights.safetensors` for `model` (canonical; consumed) into `folder`.

    Raises UnsupportedOperator, naming every node that the framework has no lowering for, before
    anything is written.
    """
    kind = KINDS[framework]
    source = to_source(model, kind, keep_io=not request.channels_last)
    (folder / "model.py").write_text(source.text, encoding="utf-8")
    _save_weights(source.weights, folder / "weights.safetensors")
    return Target(kind, folder, source, request.channels_last)


def to_source(model: ir.Model, kind: Kind, *, keep_io: bool = True) -> Source:
    """The source of `model` (canonical; consumed) in the framework of that kind.

    Nodes that its lowerings refuse are expanded into simpler ones, and lowered again.

    Raises NotLowered with those for which nothing simpler is known.
    """
    make: Callable[[ir.Model], Source] = importlib.import_module(kind.importer).lower
    hold_narrow(model, kind.narrow)
    while True:
        arranged = model
        if kind.layout == "channels last":
            arranged = to_channels_last(model.clone(), keep_io=keep_io)
        try:
            return make(arranged)
        except NotLowered as refused:
            model, expanded = expand(model, refused.reasons)
            left = {name: why for name, why in refused.reasons.items() if name not in expanded}
            # What is left may only wait for the shapes of what it stands behind.
            if not expanded:
                raise NotLowered(left) from refused


def _save_weights(weights: dict[str, np.ndarray], path: Path) -> None:
    try:
        save_file(weights, path)
    except SafetensorError as error:
        # It hides the OSError that it met in its text.
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from error


def check_precision(framework: str, request: Request) -> None:
    """Raise UsageError where `framework` does not write that precision, or lacks what it needs."""
    precisions = KINDS[framework].precisions
    if request.precision not in precisions:
        raise UsageError(
            f"{FRAMEWORKS[framework].title} is not written in {request.precision}",
            hint=f"Possible: {', '.join(precisions)}.",
        )
    if request.precision == "int8" and request.data is None:
        raise UsageError(
            "int8 needs inputs to calibrate the ranges of its activations on",
            hint="Give some of your own: --data inputs.npz",
        )


def build(target: Target, worker: Worker, precision: str, calibration: list[str]) -> dict[str, Any]:
    """Let the framework itself build and save the artifact from the written source.

    calibration: folders of inputs, as the artifact takes them, for a precision that needs some.
    """
    options: dict[str, Any] = {}
    if len(target.kind.precisions) > 1:
        options = {"precision": precision, "calibration": calibration}
    return worker.call("build", source=str(target.folder), path=str(target.artifact), **options)
