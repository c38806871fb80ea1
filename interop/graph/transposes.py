"""Transposes that what stands behind them does not need."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

_REDUCTIONS = frozenset(
    {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
     "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"}
)  # fmt: skip


def reduce_untransposed(model: ir.Model) -> None:
    """Reduce the axes where they were before a Transpose, if they are the last ones there and those
    that are left keep their order; in place.

    So a global pool is written behind a network that turned its images around: over the last axes,
    which is what every framework can. A Transpose that nobody else reads is left unused.
    """
    for node in model.graph.all_nodes():
        if node.op_type not in _REDUCTIONS or node.domain != "" or len(node.inputs) < 2:
            continue
        if node.attributes.get_int("keepdims", 1):
            continue
        data, axes = node.inputs[0], node.inputs[1]
        turn = None if data is None else data.producer()
        if turn is None or turn.op_type != "Transpose" or turn.domain != "":
            continue
        order = turn.attributes.get_ints("perm", ())
        if not order or axes is None or axes.const_value is None or not axes.const_value.size:
            continue
        gone = {int(axis) % len(order) for axis in axes.const_value.numpy()}
        left = [before for axis, before in enumerate(order) if axis not in gone]
        if left != sorted(left):
            continue
        before = np.array(sorted(order[axis] for axis in gone), dtype=np.int64)
        if before[0] != len(order) - len(before):
            continue
        constant = ir.Value(
            name=f"{node.outputs[0].name}_axes",
            shape=ir.Shape(before.shape),
            type=ir.TensorType(ir.DataType.INT64),
            const_value=ir.tensor(before),
        )
        model.graph.register_initializer(constant)
        node.replace_input_with(0, turn.inputs[0])
        node.replace_input_with(1, constant)
