"""What a mutator is: one row of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from onnx import ModelProto, NodeProto

from scorecard.edit import Graph


@dataclass(frozen=True)
class Mutator:
    """A fault that converters make, as a change to one node of a graph.

    fault: what goes wrong, in words.
    seen: "owner/repository#number" of an issue or pull request in which it was reported or mended;
        "" where none was looked up.
    ops: the operators that it may sit at (empty: any).
    where: whether it applies to this node of the graph.
    change: make it, in place, in a graph that is the caller's own.
    """

    name: str
    fault: str
    seen: str
    ops: tuple[str, ...]
    where: Callable[[Graph, NodeProto], bool]
    change: Callable[[Graph, NodeProto], None]


@dataclass(frozen=True)
class Mutant:
    """A model with one fault, which sits at the node whose first output is `node`."""

    model: ModelProto
    node: str


def always(graph: Graph, node: NodeProto) -> bool:
    return True
