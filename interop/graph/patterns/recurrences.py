"""Loops over time whose body is the step of a recurrent layer: ONNX's LSTM, GRU or RNN.

So they come out of frameworks that compile a layer to a loop, one direction of it at a time.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from interop.graph.patterns.cells import Cell, read_cell
from interop.graph.patterns.terms import before, constant, dims, made_by


def fuse_recurrences(model: ir.Model) -> None:
    """Put a recurrent layer in the place of each Scan that is one; in place."""
    for node in list(model.graph):
        if node.op_type == "Scan" and node.domain == "" and _is_plain(node):
            cell = _cell(node)
            if cell is not None:
                _replace(model, node, cell)


def _is_plain(node: ir.Node) -> bool:
    """Whether it reads one sequence, along its first axis, and gives what it does in that order."""
    if node.attributes.get_int("num_scan_inputs", 0) != 1:
        return False
    given = (node.attributes.get_ints(f"scan_{one}_axes", ()) for one in ("input", "output"))
    if any(axis != 0 for axes in given for axis in axes):
        return False
    rows = len(node.outputs) - (len(node.inputs) - 1)
    back = list(node.attributes.get_ints("scan_output_directions", ())) or [0] * rows
    return all(one == _goes_back(node) for one in back)


def _goes_back(node: ir.Node) -> int:
    return (list(node.attributes.get_ints("scan_input_directions", ())) or [0])[0]


def _cell(node: ir.Node) -> Cell | None:
    """The cell that its body is, where all rows are the hidden state."""
    body = node.attributes["body"].as_graph()
    *states, entry = body.inputs
    results = [_plain(value) for value in body.outputs]
    cell = read_cell(states, entry, results[: len(states)])
    if cell is None or any(row is not results[cell.hidden] for row in results[len(states) :]):
        return None
    return cell


def _plain(value: ir.Value) -> ir.Value:
    node = made_by(value, "Identity")
    while node is not None and node.inputs[0] is not None:
        value, node = node.inputs[0], made_by(node.inputs[0], "Identity")
    return value


def _replace(model: ir.Model, node: ir.Node, cell: Cell) -> None:
    *starts, data = node.inputs
    name = node.outputs[-1].name
    called = _called(node) or f"{name}_weights"
    _forget(model, node.attributes["body"].as_graph())
    places = [cell.hidden] if cell.memory is None else [cell.hidden, cell.memory]
    zero = constant(model, f"{name}_axis", np.array([0], np.int64))
    first = [
        before(
            node, "Unsqueeze", [starts[place], zero], _unsqueezed(starts[place]), f"start_{place}"
        )
        for place in places
    ]
    weights = [
        constant(model, f"{called}{kind}", np.ascontiguousarray(array[None]))
        for kind, array in (("", cell.weights), ("_state", cell.recurrence), ("_bias", cell.bias))
    ]
    attributes = [
        ir.AttrInt64("hidden_size", cell.size),
        ir.AttrString("direction", "reverse" if _goes_back(node) else "forward"),
    ]
    if cell.kind == "GRU":
        attributes.append(ir.AttrInt64("linear_before_reset", int(cell.before_reset)))
    inputs, count = [data, *weights, None, *first], 1 + len(places)
    layer = ir.Node("", cell.kind, inputs, attributes, num_outputs=count)
    layer.metadata_props.update(node.metadata_props)
    assert node.graph is not None
    node.graph.insert_before(node, layer)
    rows = dims(data)
    batch, time = (None, None) if rows is None else (rows[1], rows[0])
    _typed(layer.outputs[0], node, [time, 1, batch, cell.size], f"{name}/rows")
    one = constant(model, f"{name}_axis", np.array([1], np.int64))
    made = {-1: before(node, "Squeeze", [layer.outputs[0], one], [time, batch, cell.size], "all")}
    for place, output in zip(places, layer.outputs[1:], strict=True):
        _typed(output, node, [1, batch, cell.size], f"{name}/last_{place}")
        made[place] = before(node, "Squeeze", [output, zero], [batch, cell.size], f"state_{place}")
    for number, output in enumerate(node.outputs):
        value = made[number if number < len(starts) else -1]
        output.replace_all_uses_with(value, replace_graph_outputs=True)
    node.graph.remove(node, safe=True)


def _called(node: ir.Node) -> str | None:
    """What the matrix is called by which the body multiplies its entry."""
    body = node.attributes["body"].as_graph()
    for use in body.inputs[-1].uses():
        for value in use.node.inputs[1:2]:
            if value is not None and value.const_value is not None:
                return value.name
    return None


def _forget(model: ir.Model, body: ir.Graph) -> None:
    """Take a body apart that was read, so that what it alone used is free."""
    weights = {value for inner in body for value in inner.inputs if value is not None}
    body.outputs.clear()
    body.remove(list(body), safe=True)
    for value in weights:
        if value.name is None or value.uses():
            continue
        if model.graph.initializers.get(value.name) is value:
            del model.graph.initializers[value.name]


def _unsqueezed(value: ir.Value | None) -> list[int | str | None] | None:
    sizes = dims(value)
    return None if sizes is None else [1, *sizes]


def _typed(value: ir.Value, node: ir.Node, shape: list[int | str | None], name: str) -> None:
    value.name, value.type, value.shape = name, node.outputs[0].type, ir.Shape(shape)
