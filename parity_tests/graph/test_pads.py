"""A Pad in front of a window goes into the window's own pads where that computes the same, and stays
where it does not. ONNX Runtime runs each graph as it was given and as it is canonical."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx import numpy_helper as nph

from interop.graph.canonical import canonicalize

LEAST = float(np.finfo(np.float32).min)
AROUND = [0, 0, 1, 2, 0, 0, 2, 1]


def found(
    tmp_path, operator, amounts, value=None, *, axes=None, mode="constant", reader=False, **how
):
    """(operators of the canonical form, whether it computes the same)."""
    weights = {"pads": np.array(amounts, np.int64)}
    names = ["x", "pads"]
    if value is not None or axes is not None:
        names.append("value" if value is not None else "")
        if value is not None:
            weights["value"] = np.float32(value)
    if axes is not None:
        names.append("axes")
        weights["axes"] = np.array(axes, np.int64)
    inputs = ["padded"]
    if operator == "Conv":
        weights["weight"] = np.random.default_rng(1).normal(size=(2, 3, 3, 3)).astype(np.float32)
        inputs.append("weight")
    else:
        how = {"kernel_shape": [3, 3], **how}
    nodes = [
        helper.make_node("Pad", names, ["padded"], mode=mode),
        helper.make_node(operator, inputs, ["y"], **how),
    ]
    results = ["y"]
    if reader:
        nodes.append(helper.make_node("Relu", ["padded"], ["z"]))
        results.append("z")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 9, 8])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results]
    arrays = [nph.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "padded", [x], outputs, arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(model, tmp_path / "padded.onnx")
    canonical = canonicalize(tmp_path / "padded.onnx")
    feeds = {"x": np.random.default_rng(0).normal(size=(2, 3, 9, 8)).astype(np.float32) - 2}
    given, got = (
        onnxruntime.InferenceSession(proto.SerializeToString()).run(None, feeds)
        for proto in (model, ir.to_proto(canonical))
    )
    for one, other in zip(given, got, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)
    return [node.op_type for node in canonical.graph]


@pytest.mark.parametrize(
    ("operator", "value", "window"),
    [
        ("Conv", None, {}),
        ("Conv", 0.0, {"auto_pad": "VALID", "strides": [2, 2]}),
        ("Conv", None, {"pads": [1, 1, 1, 1], "dilations": [2, 1]}),
        ("MaxPool", -np.inf, {}),
        ("MaxPool", LEAST, {"strides": [2, 2]}),
        ("AveragePool", None, {}),
        ("AveragePool", 0.0, {"strides": [2, 1]}),
    ],
)
def test_it_goes_into_the_window(operator, value, window, tmp_path):
    assert found(tmp_path, operator, AROUND, value, **window) == [operator]


def test_by_its_axes(tmp_path):
    assert found(tmp_path, "Conv", [1, 2, 0, 1], axes=[-1, 2]) == ["Conv"]


@pytest.mark.parametrize(
    ("operator", "amounts", "value", "options"),
    [
        ("Conv", AROUND, 1.0, {}),
        ("Conv", AROUND, None, {"mode": "reflect"}),
        ("Conv", AROUND, None, {"auto_pad": "SAME_UPPER"}),
        ("Conv", AROUND, None, {"reader": True}),
        ("Conv", [0, 0, -1, 0, 0, 0, 0, 0], None, {}),
        ("Conv", [1, 0, 1, 0, 0, 0, 0, 0], None, {}),
        ("MaxPool", AROUND, 0.0, {}),
        ("MaxPool", [0, 0, 3, 3, 0, 0, 3, 3], -np.inf, {}),
        ("MaxPool", AROUND, -np.inf, {"ceil_mode": 1, "strides": [2, 2]}),
        ("AveragePool", AROUND, None, {"pads": [1, 0, 0, 0]}),
    ],
)
def test_it_stays(operator, amounts, value, options, tmp_path):
    assert "Pad" in found(tmp_path, operator, amounts, value, **options)
