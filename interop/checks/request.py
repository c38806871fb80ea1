"""What was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interop.backends import Backend
from interop.checks.labels import check_inputs
from interop.conversion import Request
from interop.errors import UsageError


@dataclass(frozen=True)
class CheckRequest:
    """`model` as a conversion takes one (its target is not looked at), and what it is held against.

    others: more models, each run by its own framework; on: where the model is run; against: a folder
    of recorded inputs and outputs; output: where the record is written. gradients, layers: compare
    these, too; rebuild: build twice what is built; labels: a file with what is right for each row of
    the user's own inputs.
    """

    model: Request
    others: tuple[str, ...] = ()
    on: tuple[Backend, ...] = ()
    against: Path | None = None
    output: Path | None = None
    force: bool = False
    gradients: bool = False
    layers: bool = False
    rebuild: bool = False
    labels: Path | None = None

    def check(self) -> None:
        """Raise UsageError for what cannot mean anything."""
        if not (self.others or self.on or self.against):
            raise UsageError(
                f"there is nothing to check {self.model.model} against",
                hint="Say where it is to run (--on onnxruntime:cpu,torch:cpu), name another "
                "artifact, or a folder of recorded outputs (--against).",
            )
        if self.model.wide and (self.against is not None or self.model.data is not None):
            raise UsageError(
                "--wide makes inputs up, but --data or --against brings its own",
                hint="Leave one of them away.",
            )
        if self.against is not None and self.model.data is not None:
            raise UsageError(
                "--data and --against both bring inputs", hint="Leave one of them away."
            )
        if self.layers and not self.on:
            raise UsageError(
                "--layers runs every node on a backend, and none is named",
                hint="Say where: --on onnxruntime:cpu,torch:cpu.",
            )
        if self.rebuild and all(backend.row.takes_onnx for backend in self.on):
            raise UsageError(
                "--rebuild builds a second time what a backend runs, and none of --on is built for",
                hint="Add a framework that the model is converted to, such as torch:cpu.",
            )
        check_inputs(self.labels, own=self.against is not None or self.model.data is not None)
