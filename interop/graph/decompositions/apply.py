"""Puts decompositions in the place of nodes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import onnx
import onnx_ir as ir

from interop.graph.canonical import CANONICAL_OPSET, add_defaults
from interop.graph.decompositions.builder import Builder, Operator
from interop.graph.decompositions.table import DECOMPOSITIONS
from interop.source.values import Refusal


def decompose(model: ir.Model, nodes: Collection[ir.Node]) -> tuple[frozenset[str], dict[str, str]]:
    """Replace those of `nodes` (named; also inside subgraphs) that have a decomposition.

    Outputs keep their names and types. Shapes of what is new are left to inference.
    Returns the names of the nodes that were replaced, and for those whose decomposition refuses, why.
    """
    done: set[str] = set()
    refused: dict[str, str] = {}
    for node in nodes:
        write = DECOMPOSITIONS.get((node.domain, node.op_type))
        if write is None:
            continue
        assert node.name is not None
        _complete(node, model.opset_imports.get("", 1))
        builder = Builder(node.name)
        try:
            answer = write(builder, Operator(node))
        except Refusal as refusal:
            refused[node.name] = str(refusal)
            continue
        replace(model, node, builder, list(answer) if isinstance(answer, Sequence) else [answer])
        done.add(node.name)
    return frozenset(done), refused


def _complete(node: ir.Node, version: int) -> None:
    if node.domain == "" and onnx.defs.has(node.op_type, max_inclusive_version=version):
        add_defaults(node, onnx.defs.get_schema(node.op_type, max_inclusive_version=version))


def replace(
    model: ir.Model, node: ir.Node, builder: Builder, results: list[ir.Value | None]
) -> None:
    """`results` may leave out outputs that nobody asks for (None)."""
    graph = node.graph
    assert graph is not None
    pairs: list[tuple[ir.Value, ir.Value]] = []
    for output, result in zip(node.outputs, results, strict=False):
        if result is None:
            continue
        if result.producer() not in builder.nodes or any(result is new for _, new in pairs):
            result = builder.Identity(result)
        assert result is not None
        pairs.append((output, result))
    model.opset_imports.setdefault("", CANONICAL_OPSET)
    for value in builder.initializers:
        model.graph.register_initializer(value)
    old, new = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ir.convenience.replace_nodes_and_values(graph, node, [node], builder.nodes, old, new)
