"""Recurrent layers that read a sequence turned around, and pairs of which one does so.

ONNX's layers have a direction; exporters turn the sequence, run a layer, and turn what it gives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from interop.graph.patterns.terms import before, constant, dims, given, integers, made_by

_KINDS = ("GRU", "LSTM", "RNN")

#: From here on, a Slice that goes back ends at the first entry.
_TO_THE_START = -(1 << 30)


def turn_directions(model: ir.Model) -> None:
    """Let a layer read backwards what a Slice turned for it and turns again behind it; in place."""
    for node in list(model.graph):
        if node.op_type not in _KINDS or node.domain != "" or "layout" in node.attributes:
            continue
        direction = node.attributes.get_string("direction", "forward")
        straight = _straight(node) if direction in ("forward", "reverse") else None
        rows = _rows(node)
        if straight is None or rows is None or given(node, 4) is not None:
            continue
        users = [use.node for use in rows.uses()]
        if rows.is_graph_output() or not all(_turned_axis(user) == 0 for user in users):
            continue
        node.replace_input_with(0, straight)
        other = "reverse" if direction == "forward" else "forward"
        node.attributes["direction"] = ir.AttrString("direction", other)
        for user in users:
            user.outputs[0].replace_all_uses_with(rows, replace_graph_outputs=True)


def _turned_axis(node: ir.Node | None) -> int | None:
    """The axis along which a Slice turns around what it is given."""
    if node is None or node.op_type != "Slice" or node.domain != "":
        return None
    starts, ends, axes, steps = (integers(given(node, index)) for index in (1, 2, 3, 4))
    if starts != [-1] or steps != [-1] or ends is None or axes is None or len(axes) != 1:
        return None
    data = dims(node.inputs[0])
    return None if data is None or ends[0] > _TO_THE_START else axes[0] % len(data)


def _straight(node: ir.Node) -> ir.Value | None:
    """What the layer reads, as it was before it was turned along time, perhaps in front of a Transpose."""
    value = node.inputs[0]
    if _turned_axis(made_by(value, "Slice")) == 0:
        return made_by(value, "Slice").inputs[0]  # type: ignore[union-attr]
    turn = made_by(value, "Transpose")
    if turn is None:
        return None
    order = list(turn.attributes.get_ints("perm", ()))
    inner = made_by(turn.inputs[0], "Slice")
    if not order or _turned_axis(inner) != order[0] or inner is None:
        return None
    perm = ir.AttrInt64s("perm", order)
    return before(node, "Transpose", [inner.inputs[0]], dims(value), "straight", perm=perm)


def _rows(node: ir.Node) -> ir.Value | None:
    """All hidden states [time, batch, hidden] of a layer of one direction, where they are read so."""
    users = [use.node for use in node.outputs[0].uses()]
    if len(users) != 1 or users[0].op_type != "Squeeze" or node.outputs[0].is_graph_output():
        return None
    return users[0].outputs[0] if integers(given(users[0], 1)) == [1] else None


def pair_directions(model: ir.Model) -> None:
    """Put one bidirectional layer in the place of two over one sequence, one of them backwards, whose
    hidden states stand beside each other; in place."""
    for node in list(model.graph):
        if node.op_type != "Concat" or node.domain != "" or len(node.inputs) != 2:
            continue
        sizes = dims(node.outputs[0])
        if sizes is None or node.attributes.get_int("axis", 0) % len(sizes) != 2:
            continue
        squeezes = [made_by(value, "Squeeze") for value in node.inputs]
        if None in squeezes:
            continue
        pair = [made_by(one.inputs[0], *_KINDS) for one in squeezes if one is not None]
        if len(pair) == 2 and None not in pair and _are_a_pair(pair):  # type: ignore[arg-type]
            _pair(model, node, pair)  # type: ignore[arg-type]
    model.graph.sort()


def _are_a_pair(pair: Sequence[ir.Node]) -> bool:
    first, second = pair
    if first.op_type != second.op_type or first.inputs[0] is not second.inputs[0]:
        return False
    words = [node.attributes.get_string("direction", "forward") for node in pair]
    if words != ["forward", "reverse"] or any(_rows(node) is None for node in pair):
        return False
    if [len(list(_rows(node).uses())) for node in pair] != [1, 1]:  # type: ignore[union-attr]
        return False
    options = [
        {name: a.value for name, a in node.attributes.items() if name != "direction"}
        for node in pair
    ]
    inputs = [[value is not None for value in node.inputs] for node in pair]
    weights = [value for node in pair for value in node.inputs[1:4]]
    known = all(value is not None and value.const_value is not None for value in weights)
    plain = set(options[0]) <= {"hidden_size", "linear_before_reset"} and not any(inputs[0][4:5])
    return options[0] == options[1] and inputs[0] == inputs[1] and known and plain


def _pair(model: ir.Model, node: ir.Node, pair: Sequence[ir.Node]) -> None:
    """`node`: the Concat of the two."""
    first = pair[0]
    name, size = node.outputs[0].name, first.attributes.get_int("hidden_size", 0)
    inputs: list[ir.Value | None] = [first.inputs[0]]
    for index in range(1, len(first.inputs)):
        both = [one.inputs[index] for one in pair]
        if None in both:
            inputs.append(None)
        elif index < 4:
            arrays = [value.const_value.numpy() for value in both]  # type: ignore[union-attr]
            inputs.append(constant(model, f"{both[0].name}_pair", np.concatenate(arrays)))  # type: ignore[union-attr]
        else:
            sizes = dims(both[0])
            shape = None if sizes is None else [2, *sizes[1:]]
            axis = ir.AttrInt64("axis", 0)
            inputs.append(before(node, "Concat", both, shape, f"start_{index}", axis=axis))
    options = [*first.attributes.values()]
    layer = ir.Node("", first.op_type, inputs, options, num_outputs=len(first.outputs))
    layer.attributes["direction"] = ir.AttrString("direction", "bidirectional")
    layer.metadata_props.update(first.metadata_props)
    assert node.graph is not None
    node.graph.insert_before(node, layer)
    shape = dims(first.outputs[0])
    time, batch = (None, None) if shape is None else (shape[0], shape[2])
    for index, output in enumerate(layer.outputs):
        output.name, output.type = f"{name}/layer_{index}", first.outputs[0].type
        output.shape = ir.Shape([2, batch, size] if index else [time, 2, batch, size])
    perm = ir.AttrInt64s("perm", [0, 2, 1, 3])
    beside = before(
        node, "Transpose", [layer.outputs[0]], [time, batch, 2, size], "beside", perm=perm
    )
    target = constant(model, f"{name}_target", np.array([0, 0, 2 * size], np.int64))
    rows = before(node, "Reshape", [beside, target], [time, batch, 2 * size], "rows")
    node.outputs[0].replace_all_uses_with(rows, replace_graph_outputs=True)
    for index in range(1, len(first.outputs)):
        _hand_out(model, node, layer.outputs[index], [one.outputs[index] for one in pair])


def _hand_out(model: ir.Model, node: ir.Node, both: ir.Value, each: Sequence[ir.Value]) -> None:
    """The last states of each direction, where somebody reads them."""
    for place, value in enumerate(each):
        if value.uses():
            chosen = constant(model, f"{value.name}_place", np.array([place], np.int64))
            own = before(node, "Gather", [both, chosen], dims(value), f"last_{place}")
            value.replace_all_uses_with(own, replace_graph_outputs=True)
