"""Indices as Gather takes them: what an exporter wrapped for a framework without negative ones."""

from __future__ import annotations

import onnx_ir as ir


def unwrap_indices(model: ir.Model) -> bool:
    """Give every Gather the x of its `Where(x < 0, x + n, x)`; whether there was one.

    With n the length of the axis that is exact: both mean the same for x in [-n, n), and nothing
    outside it. What only served to wrap is left unused.
    """
    changed = False
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.op_type not in ("Gather", "GatherElements") or node.domain != "":
            continue
        data, indices = node.inputs
        plain = _wrapped(indices, _length(data, node.attributes.get_int("axis", 0)))
        if plain is not None:
            node.replace_input_with(1, plain)
            changed = True
    return changed


def _length(data: ir.Value | None, axis: int) -> int | None:
    if data is None or data.shape is None or not data.shape.rank():
        return None
    length = data.shape[axis]
    return length if isinstance(length, int) else None


def _wrapped(indices: ir.Value | None, length: int | None) -> ir.Value | None:
    choice = _made_by(indices, "Where")
    if choice is None or length is None:
        return None
    test, moved, plain = choice.inputs
    less, add = _made_by(test, "Less"), _made_by(moved, "Add")
    if plain is None or less is None or add is None:
        return None
    if less.inputs[0] is not plain or _number(less.inputs[1]) != 0:
        return None
    by = [value for value in add.inputs if value is not plain]
    if len(by) != 1 or _number(by[0]) != length:
        return None
    return plain


def _made_by(value: ir.Value | None, op_type: str) -> ir.Node | None:
    node = None if value is None else value.producer()
    return node if node is not None and node.op_type == op_type and node.domain == "" else None


def _number(value: ir.Value | None) -> int | None:
    if value is None or value.const_value is None or value.const_value.size != 1:
        return None
    return int(value.const_value.numpy().reshape(-1)[0])
