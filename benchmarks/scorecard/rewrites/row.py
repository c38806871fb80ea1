"""What a rewrite is: one row of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from onnx import NodeProto

from scorecard.edit import Graph


@dataclass(frozen=True)
class Rewrite:
    """Applied at every node that it fits: `ops`, `where` and `change` are as a mutator's."""

    name: str
    ops: tuple[str, ...]
    where: Callable[[Graph, NodeProto], bool]
    change: Callable[[Graph, NodeProto], None]
