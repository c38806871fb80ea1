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

from interop.dialect import Dialect
from interop.errors import UsageError
from interop.frameworks import FRAMEWORKS, Kind, known
from interop.graph.canonical import save
from interop.graph.expand import expand
from interop.graph.layout import to_channels_last
from interop.graph.narrow import hold_narrow
from interop.graph.opsets import at_opset, check_opset
from interop.graph.stored import store_again
from interop.source.module import Source
from interop.source.printer import NotLowered
from interop.workers import Worker

if TYPE_CHECKING:
    from interop.conversion import Request


#: How each of our own is written to that has source.
KINDS = {row.name: row.kind for row in FRAMEWORKS.values() if row.kind and row.kind.has_source}


def kind_of(framework: str) -> Kind:
    """How `framework`, a target, is written to."""
    kind = known()[framework].kind
    if kind is None:
        raise UsageError(f"{framework} is not written to")
    return kind


@dataclass(frozen=True)
class Target:
    """The source as written into `folder`, and the artifact that `build` makes beside it."""

    kind: Kind
    folder: Path
    source: Source
    channels_last: bool
    opset: int | None = None  # of what is ONNX itself

    @property
    def what(self) -> str:
        """The artifact, in words."""
        return self.kind.what if self.opset is None else f"{self.kind.what}, opset {self.opset}"

    @property
    def artifact(self) -> Path:
        return self.folder / self.kind.artifact

    @property
    def dialect(self) -> Dialect:
        return Dialect(self.source.inputs, self.source.outputs, self.channels_last)


def lower(
    model: ir.Model,
    framework: str,
    folder: Path,
    *,
    channels_last: bool = False,
    opset: int | None = None,
) -> Target:
    """Write source (`model.py`) and `weights.safetensors` for `model` (canonical; consumed) into `folder`;
    for ONNX the artifact itself, at `opset` or the oldest that has all its operators, with weights
    as its file stores them.

    Raises UnsupportedOperator, naming every node that the framework, or the opset, has no word for,
    before anything is written.
    """
    kind = kind_of(framework)
    if not kind.has_source:
        store_again(model)
        written = at_opset(model, opset)
        save(written, folder / kind.artifact)
        return Target(kind, folder, _as_named(written), False, written.opset_imports[""])
    source = to_source(model, kind, keep_io=not channels_last)
    (folder / kind.source).write_text(source.text, encoding="utf-8")
    _save_weights(source.weights, folder / "weights.safetensors")
    return Target(kind, folder, source, channels_last)


def _as_named(model: ir.Model) -> Source:
    """No source, and every tensor under its own name."""
    inputs, outputs = (
        {str(value.name): str(value.name) for value in values}
        for values in (model.graph.inputs, model.graph.outputs)
    )
    return Source("", {}, inputs, outputs)


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


def check_request(framework: str, request: Request) -> None:
    """Raise UsageError where `framework` is not written in that way, or what it needs is lacking."""
    kind = kind_of(framework)
    if request.opset is not None and kind.has_source:
        raise UsageError(
            f"{known()[framework].title} has no opsets",
            hint="Leave --opset away, or convert --to onnx.",
        )
    check_opset(request.opset)
    if request.channels_last and kind.layout != "channels last":
        raise UsageError(
            f"{known()[framework].title} is written channels first",
            hint="Leave --channels-last away.",
        )
    precisions = kind.precisions
    if request.precision not in precisions:
        raise UsageError(
            f"{known()[framework].title} is not written in {request.precision}",
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
    Returns what the framework says of it. An ONNX file is built by being written.
    """
    if not target.kind.has_source:
        return {}
    options: dict[str, Any] = {}
    if len(target.kind.precisions) > 1:
        options = {"precision": precision, "calibration": calibration}
    return worker.call("build", source=str(target.folder), path=str(target.artifact), **options)
