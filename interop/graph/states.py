"""Initial states of recurrent layers that are nothing but zeros, as exporters spell them out."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

#: The inputs that are initial states (onnx.ai/onnx/operators: LSTM, GRU, RNN); zeros are their default.
_STATES = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,)}

#: Operators whose result holds no number that their first input does not.
_MOVES = frozenset(
    {"Cast", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Tile",
     "Transpose", "Unsqueeze"}
)  # fmt: skip


def drop_zero_states(model: ir.Model) -> None:
    """Leave away initial states that are zeros of whatever size; in place.

    What computes them (the batch's size, an Expand, a Slice for each layer) goes with the next pass
    that removes unused nodes.
    """
    for node in model.graph.all_nodes():
        if node.domain != "":
            continue
        for index in _STATES.get(node.op_type, ()):
            if index < len(node.inputs) and _is_zero(node.inputs[index]):
                node.replace_input_with(index, None)


def _is_zero(value: ir.Value | None) -> bool:
    while value is not None:
        if value.const_value is not None:
            return not np.any(value.const_value.numpy())
        node = value.producer()
        if node is None or node.domain != "":
            return False
        if node.op_type == "ConstantOfShape":
            given = node.attributes.get("value")
            return given is None or not np.any(given.as_tensor().numpy())
        if node.op_type == "Mul":  # zeros of one sample, times ones of as many as there are
            return _is_filled(node.inputs[1]) and _is_zero(node.inputs[0])
        if node.op_type not in _MOVES:
            return False
        value = node.inputs[0]
    return False


def _is_filled(value: ir.Value | None) -> bool:
    """Whether it is one finite number, over and over."""
    node = None if value is None else value.producer()
    if node is None or node.op_type != "ConstantOfShape" or node.domain != "":
        return False
    given = node.attributes.get("value")
    return given is None or bool(np.all(np.isfinite(given.as_tensor().numpy())))
