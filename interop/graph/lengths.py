"""Lengths of sequences that say nothing: every sequence is as long as the tensor that holds it.

MXNet and others write them beside each recurrent layer, and turn sequences around by them.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from interop.graph.infer import Followed

#: Operators whose fifth input holds the lengths.
_RECURRENT = frozenset({"GRU", "LSTM", "RNN"})

#: Operators whose result holds no number that their first input does not.
_MOVES = frozenset({"Cast", "Expand", "Identity", "Reshape", "Squeeze", "Tile", "Unsqueeze"})

_TO_THE_START = np.iinfo(np.int64).min


def drop_full_lengths(model: ir.Model) -> None:
    """Leave away the lengths of recurrent layers, and turn by a Slice what a ReverseSequence turns,
    where the lengths are whole; in place."""
    sizes = Followed()
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.domain != "":
            continue
        sizes.follow(node)
        if node.op_type in _RECURRENT and len(node.inputs) > 4:
            time = 1 if node.attributes.get_int("layout", 0) else 0
            if _are_whole(node.inputs[4], node.inputs[0], time, sizes):
                node.replace_input_with(4, None)
        if node.op_type == "ReverseSequence":
            time = node.attributes.get_int("time_axis", 0)
            if _are_whole(node.inputs[1], node.inputs[0], time, sizes):
                _turn(model, node, time)


def _are_whole(lengths: ir.Value | None, data: ir.Value | None, time: int, sizes: Followed) -> bool:
    if lengths is None or data is None or data.shape is None:
        return False
    size = data.shape[time]
    whole = size if isinstance(size, int) else size.value
    return whole is not None and _filling(lengths, sizes) == whole


def _filling(value: ir.Value | None, sizes: Followed) -> int | str | None:
    """The one number, or named dimension, of which a tensor of lengths is full."""
    while value is not None:
        if value.const_value is not None:
            numbers = np.unique(value.const_value.numpy())
            return int(numbers[0]) if len(numbers) == 1 else None
        known = sizes.dims(value)
        if known is not None and len(set(known)) == 1 and known[0] is not None:
            return known[0]
        node = value.producer()
        if node is None or node.domain != "" or node.op_type not in _MOVES:
            return None
        value = node.inputs[0]
    return None


def _turn(model: ir.Model, node: ir.Node, time: int) -> None:
    node.op_type = "Slice"
    node.attributes.clear()
    node.resize_inputs(5)
    settings = {"starts": -1, "ends": _TO_THE_START, "axes": time, "steps": -1}
    for index, (name, number) in enumerate(settings.items(), start=1):
        value = ir.Value(
            name=f"{node.outputs[0].name}_{name}",
            shape=ir.Shape([1]),
            type=ir.TensorType(ir.DataType.INT64),
            const_value=ir.tensor(np.array([number], dtype=np.int64)),
        )
        model.graph.register_initializer(value)
        node.replace_input_with(index, value)
