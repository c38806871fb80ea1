"""Which nodes draw random numbers: what they give has no true value, only a distribution."""

from __future__ import annotations

from typing import Any

from onnx import ModelProto, NodeProto
from onnx import numpy_helper as nph

from interop.parity.settings import graphs

RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
     "RandomUniformLike"}
)  # fmt: skip


def random_nodes(model: ModelProto) -> tuple[NodeProto, ...]:
    """The nodes whose output is drawn, those inside subgraphs too; Dropout and others that train."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}

    def training(name: str) -> bool:
        return name not in constants or bool(nph.to_array(constants[name]).any())

    nodes = (node for graph in graphs(model.graph) for node in graph.node)
    return tuple(node for node in nodes if _is_random(node, training))


def _is_random(node: NodeProto, training: Any) -> bool:
    if node.op_type in RANDOM or any(a.name == "training_mode" and a.i for a in node.attribute):
        return True
    dropout = node.op_type == "Dropout" and len(node.input) > 2 and bool(node.input[2])
    return dropout and bool(training(node.input[2]))
