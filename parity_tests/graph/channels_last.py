"""Gives the layout pass's result back to standard ONNX, so that ONNX Runtime can run it."""

from __future__ import annotations

import onnx_ir as ir

from interop.graph.layout import DOMAIN, first_order, last_order


def to_standard(model: ir.Model) -> int:
    """Wrap every operator of the channels-last domain into Transposes; returns how many there were."""
    count = 0
    for node in list(model.graph.all_nodes()):
        if node.domain != DOMAIN:
            continue
        count += 1
        node.domain = ""
        data, output = node.inputs[0], node.outputs[0]
        assert data is not None
        assert data.shape is not None
        rank = len(data.shape)
        before = ir.node("Transpose", [data], {"perm": first_order(rank)})
        before.outputs[0].name = f"{data.name}_for_{node.name}"
        node.replace_input_with(0, before.outputs[0])
        node.prepend([before])
        after = ir.node("Transpose", [output], {"perm": last_order(rank)})
        after.outputs[0].name = f"{output.name}_wrapped"
        after.outputs[0].shape = output.shape
        output.replace_all_uses_with(after.outputs[0], replace_graph_outputs=True)
        after.replace_input_with(0, output)
        node.append([after])
        if node.op_type == "Resize":
            _reorder_resize(model, node, rank)
    for node in model.graph.all_nodes():
        for output in node.outputs:
            output.shape = None
    return count


def _reorder_resize(model: ir.Model, node: ir.Node, rank: int) -> None:
    """Its axes count in the physical order, which the wrapped operator no longer has."""
    axes = node.attributes.get_ints("axes") or range(rank)
    node.attributes["axes"] = ir.AttrInt64s("axes", [last_order(rank)[axis] for axis in axes])
