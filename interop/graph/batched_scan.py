"""Scan of opset 8, which works on batches: as a Scan of opset 9 over the batch, around one over time.

onnx's own converter leaves the batch where opset 9 expects the sequence.
"""

from __future__ import annotations

import onnx_ir as ir

from interop.errors import UnsupportedOperator

#: Where these nodes stand while onnx's converter runs, which leaves other domains alone.
_ASIDE = "interop.batched"


def set_aside(model: ir.Model) -> None:
    """Hide the Scan nodes of a model of opset 8 from the version converter (in place)."""
    if model.opset_imports.get("") != 8:
        return
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.op_type == "Scan" and node.domain == "":
            node.domain = _ASIDE
            model.opset_imports[_ASIDE] = 1


def bring_back(model: ir.Model) -> None:
    """Write what was set aside as two Scans of opset 9 (in place).

    Raises UnsupportedOperator where the sequences of a batch differ in length.
    """
    if model.opset_imports.pop(_ASIDE, None) is None:
        return
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.domain == _ASIDE:
            _nest(node)


def _nest(node: ir.Node) -> None:
    lengths, *operands = node.inputs
    if lengths is not None:
        raise UnsupportedOperator(
            f"ai.onnx::Scan-8 (node '{node.name}'): sequences of several lengths in one batch",
            hint="Export the model with opset 9 or newer.",
        )
    name = node.name or "scan"
    slices = [_slice(value, f"{name}/entry_{i}") for i, value in enumerate(operands)]
    kept = {"directions": "scan_input_directions", "num_scan_inputs": "num_scan_inputs"}
    attributes = [
        _renamed(node.attributes[key], kept[key]) for key in kept if key in node.attributes
    ]
    inner = ir.Node(
        "", "Scan", slices, [*attributes, _renamed(node.attributes["body"], "body")],
        num_outputs=len(node.outputs), name=f"{name}/time",
    )  # fmt: skip
    for i, output in enumerate(inner.outputs):
        output.name = f"{name}/result_{i}"
    body = ir.Graph(slices, inner.outputs, nodes=[inner], name=f"{name}/of_one")
    node.domain = ""
    node.attributes.clear()
    node.attributes["body"] = ir.AttrGraph("body", body)
    node.attributes["num_scan_inputs"] = ir.AttrInt64("num_scan_inputs", len(operands))
    node.resize_inputs(len(operands))
    for i, value in enumerate(operands):
        node.replace_input_with(i, value)


def _slice(value: ir.Value | None, name: str) -> ir.Value:
    """One entry of a batch."""
    assert value is not None
    shape = None if value.shape is None else ir.Shape(value.shape[1:])
    return ir.Value(name=name, type=value.type, shape=shape)


def _renamed(attribute: ir.Attr, name: str) -> ir.Attr:
    return ir.Attr(name, attribute.type, attribute.value)
