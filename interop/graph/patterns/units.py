"""Axes of size 1 through which numbers are only computed: what is squeezed afterwards need not be there.

So JAX groups the heads of attention, also where a group is one head.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from interop.graph.patterns.moves import move_of
from interop.graph.patterns.terms import Dims, before, constant, integers, known_dims, made_by

#: Operators of single entries, whose inputs are broadcast to each other.
_ENTRIES = frozenset(
    {"Abs", "Add", "And", "Cast", "Clip", "Div", "Equal", "Erf", "Exp", "Gelu", "Greater",
     "GreaterOrEqual", "Less", "LessOrEqual", "Log", "Max", "Min", "Mul", "Neg", "Not", "Or", "Pow",
     "Reciprocal", "Relu", "Sigmoid", "Sqrt", "Sub", "Tanh", "Where"}
)  # fmt: skip
_ALONG = frozenset({"Softmax", "LogSoftmax"})


def drop_units(model: ir.Model) -> None:
    """Compute without an axis of size 1 what is squeezed along it behind, where that costs no node; in
    place. What the axis was made by is left unused."""
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.op_type != "Squeeze" or node.domain != "" or node.outputs[0].is_graph_output():
            continue
        data, sizes = node.inputs[0], known_dims(node.inputs[0])
        axes = integers(node.inputs[1]) if len(node.inputs) > 1 else None
        if data is None or sizes is None or axes is None:
            continue
        places = sorted((len(sizes) - axis % len(sizes) for axis in axes), reverse=True)
        free = [place for place in places if _is_free(data, place, first=True)]
        if free != places:
            continue
        for place in places:  # from the left, so that those to the right keep theirs
            data = _without(model, node, data, place)
        node.outputs[0].replace_all_uses_with(data)


def _is_free(value: ir.Value | None, place: int, *, first: bool = False) -> bool:
    """Whether leaving away that axis (counted from the last, which is 1) costs nothing."""
    sizes = None if value is None else known_dims(value)
    if value is None or sizes is None:
        return False
    if len(sizes) < place:
        return True
    if sizes[-place] != 1 or value.is_graph_output():
        return False
    if value.const_value is not None:
        return value.const_value.size < 64
    node = value.producer()
    if node is None or node.domain != "":
        return False
    if not first:
        move = move_of(value)
        base = None if move is None else known_dims(move.base)
        if move is not None and base is not None and move.steps:
            return move.axes.count(None) > base.count(1)
    if len(list(value.uses())) != 1 or len(node.outputs) != 1:
        return False
    if node.op_type in _ALONG:
        axis = node.attributes.get_int("axis", -1) % len(sizes)
        return axis != len(sizes) - place and _is_free(node.inputs[0], place)
    return node.op_type in _ENTRIES and all(
        _is_free(one, place) for one in node.inputs if one is not None
    )


def _without(model: ir.Model, user: ir.Node, value: ir.Value, place: int) -> ir.Value:
    """The value, which `user` reads, without that axis, which `_is_free`."""
    sizes = known_dims(value) or []
    if len(sizes) < place:
        return value
    axis = len(sizes) - place
    if value.const_value is not None:
        array = np.squeeze(value.const_value.numpy(), axis)
        return constant(model, f"{value.name}_without_{place}", np.array(array))
    node = value.producer()
    assert node is not None
    if made_by(value, *_ENTRIES, *_ALONG) is None:
        gone = constant(model, f"{value.name}_without_{place}", np.array([axis], np.int64))
        left: Dims = [size for number, size in enumerate(sizes) if number != axis]
        return before(user, "Squeeze", [value, gone], left, f"{value.name}_without_{place}")
    for index, one in enumerate(node.inputs):
        if one is not None:
            node.replace_input_with(index, _without(model, node, one, place))
    if node.op_type in _ALONG:
        along = node.attributes.get_int("axis", -1) % len(sizes)
        node.attributes["axis"] = ir.AttrInt64("axis", along - (along > axis))
    value.shape = ir.Shape([size for number, size in enumerate(sizes) if number != axis])
    return value
