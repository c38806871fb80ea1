"""Faithful ways to say the same function: what converters and compilers do to a graph without fault.

Weights that are computed anew are computed in float64 and rounded once.
"""

from __future__ import annotations

from onnx import ModelProto

from scorecard.edit import Graph
from scorecard.rewrites import formulas, fused, sums
from scorecard.rewrites.row import Rewrite

__all__ = ["REWRITES", "Rewrite", "rewrite"]

REWRITES: tuple[Rewrite, ...] = (*sums.TABLE, *fused.TABLE, *formulas.TABLE)


def rewrite(row: Rewrite, model: ModelProto) -> tuple[ModelProto, int]:
    """`model` with the rewrite at every node that it fits, and how many those are."""
    graph = Graph.copy_of(model)
    found = [n.output[0] for n in graph.nodes if n.op_type in row.ops and row.where(graph, n)]
    for name in found:
        row.change(graph, graph.node(name))
    return graph.finish(), len(found)
