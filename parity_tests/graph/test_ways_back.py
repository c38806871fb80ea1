"""What exporters add on the way to ONNX is taken off again: wrapped indices, Dropouts, sizes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.graph.canonical import canonicalize
from interop.source.expression import Expression
from interop.source.sizes import Sizes, compute
from interop.source.values import NonNegative

N = helper.make_node


def canonical(nodes, inputs, outputs, weights, tmp_path):
    graph = helper.make_graph(
        nodes, "g", inputs, outputs,
        [numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    return canonicalize(tmp_path / "m.onnx").graph


def value(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def wrapped(by, below, tmp_path):
    """A table of 5 rows, its index wrapped as TensorFlow needs it: the operators that are left."""
    nodes = [
        N("Less", ["i", "below"], ["negative"]),
        N("Add", ["i", "by"], ["moved"]),
        N("Where", ["negative", "moved", "i"], ["j"]),
        N("Gather", ["table", "j"], ["y"]),
    ]
    weights = {
        "table": np.zeros((5, 2), np.float32),
        "by": np.int64(by),
        "below": np.int64(below),
    }
    inputs = [value("i", ["n"], TensorProto.INT64)]
    graph = canonical(nodes, inputs, [value("y", ["n", 2])], weights, tmp_path)
    return [node.op_type for node in graph]


def test_wrapped_indices(tmp_path):
    assert wrapped(5, 0, tmp_path) == ["Gather"]


@pytest.mark.parametrize(("by", "below"), [(4, 0), (5, 1)])
def test_what_only_looks_wrapped(by, below, tmp_path):
    assert "Where" in wrapped(by, below, tmp_path)


@pytest.mark.parametrize("training", [False, True])
def test_dropout(training, tmp_path):
    nodes = [N("Dropout", ["x", "ratio", "training"], ["d"]), N("Relu", ["d"], ["y"])]
    weights = {"ratio": np.float32(0.5), "training": np.array(training)}
    graph = canonical(nodes, [value("x", [2])], [value("y", [2])], weights, tmp_path)
    assert ["Dropout" in {node.op_type for node in graph}] == [training]


def vector(*elements, dtype="int64"):
    return Sizes("s", elements, scalar=False, dtype=dtype, tensor=lambda inner, kind: str(inner))


def answer(op, *values, **attributes):
    """The text of what the operator gives, or None where it leaves the arithmetic of sizes."""
    sizes = compute(op, list(values), attributes)
    return None if sizes is None else [str(size) for size in sizes[0]]


def test_a_zero_copies_a_size():
    """Where(Equal(wanted, 0), there, wanted), as a Reshape's zeros are spelt out."""
    batch, length = NonNegative("x.shape[0]"), NonNegative("x.shape[1]")
    wanted, there = vector(batch, length, 0, -1), vector(batch, batch, length, 7)
    (elements, _) = compute("Equal", [wanted, vector(0, 0, 0, 0)], {})
    assert [str(one) for one in elements] == ["(x.shape[0] == 0)", "(x.shape[1] == 0)", "1", "0"]
    condition = vector(*elements, dtype="bool")
    assert answer("Where", condition, there, wanted) == [
        "x.shape[0]", "x.shape[1] or x.shape[0]", "x.shape[1]", "-1",
    ]  # fmt: skip
    other = vector(Expression("z"), Expression("z"), 0, 0)
    assert answer("Where", condition, there, other) is None  # not what was compared


def test_a_longer_vector_of_sizes():
    sizes = vector(NonNegative("x.shape[0]"), 3)
    pads = vector(0, 2)
    assert answer("Pad", sizes, pads) is None  # its lengths are not constants
