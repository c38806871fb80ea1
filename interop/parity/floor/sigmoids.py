"""Sigmoid by its definition, for a runtime whose own is none where it is small.

ONNX Runtime's float32 Sigmoid takes what is below -18 for -18, and gives 0 where the value is 1e-8 and
less (MlasComputeLogistic): no rounding, and it lies far from the truth of a model whose outputs are
probabilities that small.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper
from onnx import numpy_helper as nph

from interop.parity.floor.emulate import types_in
from interop.parity.settings import subgraphs

_ONE = "one~"


def write_sigmoids_out(model: ModelProto) -> bool:
    """Let every float32 Sigmoid of `model` (in place) be 1 / (1 + exp(-x)). Whether there was one."""
    found = _write_out(model.graph, {})
    if found:
        model.graph.initializer.append(nph.from_array(np.array(1, dtype=np.float32), _ONE))
    return found


def _write_out(graph: GraphProto, outer: Mapping[str, int]) -> bool:
    types, found = {**outer, **types_in(graph)}, False
    nodes: list[NodeProto] = []
    for node in graph.node:
        for body in subgraphs(node):
            found |= _write_out(body, types)
        if (node.domain, node.op_type, types.get(node.output[0])) == (
            "", "Sigmoid", TensorProto.FLOAT,
        ):  # fmt: skip
            nodes += _definition(node)
            found = True
        else:
            nodes.append(node)
    if found:
        del graph.node[:]
        graph.node.extend(nodes)
    return found


def _definition(node: NodeProto) -> list[NodeProto]:
    (x,), (y,) = node.input, node.output
    return [
        helper.make_node("Neg", [x], [f"{y}~negated"]),
        helper.make_node("Exp", [f"{y}~negated"], [f"{y}~exp"]),
        helper.make_node("Add", [f"{y}~exp", _ONE], [f"{y}~sum"]),
        helper.make_node("Reciprocal", [f"{y}~sum"], [y]),
    ]
