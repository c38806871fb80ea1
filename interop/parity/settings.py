"""Inputs that set what an operator does: a nudge to one is another model, not a rounding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from onnx import AttributeProto, GraphProto, NodeProto

#: operator -> positions of such inputs. A Resize scale of 1.9999999 gives another output *size*.
SETTINGS: Mapping[str, tuple[int, ...]] = {
    "Clip": (1, 2),
    "DequantizeLinear": (1,),
    "NonMaxSuppression": (3, 4),
    "OneHot": (2,),
    "Pad": (2,),
    "Pow": (1,),
    "QLinearConv": (1, 4, 6),
    "QLinearMatMul": (1, 4, 6),
    "QuantizeLinear": (1,),
    "Range": (0, 1, 2),
    "Resize": (1, 2),
    "Upsample": (1,),
}


def settings(graph: GraphProto) -> Iterator[str]:
    """Names of the tensors that are settings, of nodes inside subgraphs too."""
    for node in graph.node:
        for position in SETTINGS.get(node.op_type, ()):
            if position < len(node.input):
                yield node.input[position]
        for body in subgraphs(node):
            yield from settings(body)


def subgraphs(node: NodeProto) -> list[GraphProto]:
    """The bodies of If, Loop and Scan."""
    single = [a.g for a in node.attribute if a.type == AttributeProto.GRAPH]
    return single + [g for a in node.attribute for g in a.graphs]


def graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """`graph` and the bodies inside it."""
    yield graph
    for node in graph.node:
        for body in subgraphs(node):
            yield from graphs(body)


def reads(node: NodeProto) -> set[str]:
    """Names that a node reads, those that its subgraphs capture included."""
    names = set(node.input)
    for graph in subgraphs(node):
        inner = {name for inside in graph.node for name in reads(inside)}
        names |= inner | {value.name for value in graph.output}
    return names
