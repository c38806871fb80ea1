"""One computation for what a graph computes in several places."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common


def share(model: ir.Model) -> None:
    """Take every size that an input has from there, then equal nodes once; in place.

    Exporters ask each layer's own values for a size, and so make masks and positions anew for each.
    """
    places = _places(model.graph)
    found: dict[str, ir.Value] = {}
    for node in list(model.graph):
        name = _picked(node)
        if name is None or name not in places or node.outputs[0].is_graph_output():
            continue
        if name not in found:
            value, axis = places[name]
            size = ir.node("Shape", [value], {"start": axis, "end": axis + 1})
            size.outputs[0].name = f"{name}_size"
            size.outputs[0].shape = ir.Shape([1])
            size.outputs[0].type = ir.TensorType(ir.DataType.INT64)
            model.graph.insert_before(model.graph[0], size)
            found[name] = size.outputs[0]
        node.outputs[0].replace_all_uses_with(found[name])
    common.CommonSubexpressionEliminationPass()(model)


def _places(graph: ir.Graph) -> dict[str, tuple[ir.Value, int]]:
    """The first input, and its axis, that has each named size."""
    places: dict[str, tuple[ir.Value, int]] = {}
    for value in graph.inputs:
        for axis, size in enumerate(value.shape or ()):
            if not isinstance(size, int) and size.value is not None:
                places.setdefault(size.value, (value, axis))
    return places


def _picked(node: ir.Node) -> str | None:
    """The name of the one size that `node` gives, as a vector; None where it gives anything else."""
    if node.domain != "":
        return None
    shape, bounds = node, slice(None)
    if node.op_type == "Slice":
        source = None if node.inputs[0] is None else node.inputs[0].producer()
        if source is None or source.op_type != "Shape" or source.domain != "":
            return None
        ends = [_number(value) for value in node.inputs[1:3]]
        if None in ends or any(_number(value) not in (0, 1) for value in node.inputs[3:]):
            return None
        if len(node.inputs) > 4 and _number(node.inputs[4]) != 1:
            return None
        shape, bounds = source, slice(*ends)
    if shape.op_type != "Shape" or shape.inputs[0] is None or shape.inputs[0].shape is None:
        return None
    start, end = shape.attributes.get_int("start", 0), shape.attributes.get_int("end", None)
    sizes = list(shape.inputs[0].shape)[start:end][bounds]
    return sizes[0].value if len(sizes) == 1 and not isinstance(sizes[0], int) else None


def _number(value: ir.Value | None) -> int | None:
    if value is None or value.const_value is None or value.const_value.size != 1:
        return None
    return int(value.const_value.numpy().reshape(-1)[0])
