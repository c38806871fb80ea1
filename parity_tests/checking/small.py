"""Small networks that checks are tried on."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHT = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)


def network(path, last="Tanh", output="y", names=("x",), extra=(), more=()):
    """last(x @ weight), as an ONNX file; `more` nodes with their outputs' names in `extra`."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("MatMul", [names[0], "w"], ["z"]),
        helper.make_node(last, ["z"], [output]),
    ]
    graph = helper.make_graph(
        [*nodes, *more],
        "g",
        [value(name, TensorProto.FLOAT, ["n", 6]) for name in names],
        [value(name, TensorProto.FLOAT, ["n", 4]) for name in (output, *extra)],
        [numpy_helper.from_array(WEIGHT, "w")],
    )  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(proto, path)
    return str(path)


def noisy(path, **attributes):
    """last(x @ weight) plus noise, and the same without noise."""
    more = [
        helper.make_node("RandomNormalLike", ["z"], ["noise"], **attributes),
        helper.make_node("Add", ["z", "noise"], ["sum"]),
    ]
    return network(path, extra=("sum",), more=more)


def by_label(check):
    return {row["label"]: row for row in check.rows}
