"""Faults of converters, as changes to a canonical ONNX graph. An explicit table: one row a fault."""

from __future__ import annotations

from onnx import ModelProto, NodeProto

from scorecard.edit import Graph
from scorecard.mutators import (
    activations,
    arithmetic,
    arrangement,
    attention,
    normalization,
    outputs,
    quantization,
    recurrent,
    sampling,
    sizes,
    weights,
    windows,
)
from scorecard.mutators.mutator import Mutant, Mutator

__all__ = ["MUTATORS", "Mutant", "Mutator", "applies", "mutate", "sites"]

MUTATORS: dict[str, Mutator] = {
    mutator.name: mutator
    for table in (
        windows.TABLE, normalization.TABLE, weights.TABLE, activations.TABLE, arrangement.TABLE,
        sampling.TABLE, recurrent.TABLE, attention.TABLE, arithmetic.TABLE, quantization.TABLE,
        sizes.TABLE, outputs.TABLE,
    )
    for mutator in table
}  # fmt: skip


def applies(mutator: Mutator, graph: Graph, node: NodeProto) -> bool:
    return (not mutator.ops or node.op_type in mutator.ops) and mutator.where(graph, node)


def sites(mutator: Mutator, model: ModelProto) -> tuple[str, ...]:
    """The nodes of the main graph that the fault may sit at, by their first outputs, in order."""
    graph = Graph(model)
    return tuple(node.output[0] for node in graph.nodes if applies(mutator, graph, node))


def mutate(mutator: Mutator, model: ModelProto, site: str) -> Mutant:
    """`model` with the fault at `site` (one of `sites`); `model` itself stays as it is.

    Raises onnx.checker.ValidationError where what comes out is no valid model.
    """
    graph = Graph.copy_of(model)
    mutator.change(graph, graph.node(site))
    return Mutant(graph.finish(), site)
