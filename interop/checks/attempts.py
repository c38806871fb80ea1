"""One side of a check: its outputs on disk, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from interop.backends import parse
from interop.checks.aspects import exit_code_of
from interop.errors import InteropError
from interop.parity.floor.precisions import FLOAT32, Precision, precision_named


@dataclass(frozen=True)
class Ran:
    """One trial (see unaided.py) on one side: folders of what it gave, or why it gave nothing."""

    outputs: tuple[str, ...] = ()
    error: InteropError | None = None


@dataclass(frozen=True)
class Attempt:
    """kind: "source" (the model itself), "backend", "artifact" (another model) or "recorded".

    outputs: a folder of tensors for each set of inputs, under the model's own names; none where there
    is an error. framework, version: what ran it. seconds: "ready" (loading, converting) and "run".
    facts: what its worker said of it. trials: what it was run on beside the inputs.
    """

    label: str
    kind: str
    outputs: tuple[str, ...] = ()
    framework: str = ""
    version: str = ""
    error: Exception | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory: int = 0
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    trials: tuple[Ran, ...] = ()

    @property
    def exit_code(self) -> int:
        """What the error alone would end a command with; 0 where there is none."""
        return exit_code_of(self.error)

    @property
    def precision(self) -> Precision:
        """That which the side says it computes in: float32, but for a backend that says otherwise."""
        return precision_named(parse(self.label).runs_in) if self.kind == "backend" else FLOAT32
