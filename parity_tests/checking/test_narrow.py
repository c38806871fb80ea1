"""`interop check` and narrow precisions: who says so is held to what that gives, who does not is found out."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

import interop


@pytest.fixture(name="model")
def two_layers(tmp_path):
    rng = np.random.default_rng(0)
    weights = {
        name: (rng.standard_normal(shape) / shape[0] ** 0.5).astype(np.float32)
        for name, shape in {"w1": (32, 64), "w2": (64, 300)}.items()
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "w2"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 300])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(proto, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_an_artifact_that_is_secretly_in_float16_is_found_out(model, tmp_path):
    half = convert_float_to_float16(onnx.load(model), keep_io_types=True)
    onnx.save(half, tmp_path / "half.onnx")
    check = interop.check(str(model), str(tmp_path / "half.onnx"))
    row = check.rows[1]
    assert (row["passes"], row["verdict"]) == (False, "reduced precision")
    found = [
        one["consistency"] for one in row["comparisons"] if one["against"] == "the float64 truth"
    ]
    assert len(found) == 4
    for one in found:
        fitting = [fit["precision"] for fit in one["tried"] if fit["fits"]]
        assert "float16" in fitting
        assert "bfloat16" not in fitting
    assert "consistent with" in row["reason"]
    faithful = check.rows[0]["comparisons"]
    assert [one["consistency"] for one in faithful] == [None] * 4


def test_a_backend_that_says_bf16_is_held_to_that(model):
    (_, row) = interop.check(str(model), on="openvino:cpu:bf16").rows
    if row["error"] is not None:
        assert "this processor has no bf16" in row["error"]["message"]
        pytest.skip(row["error"]["message"])
    assert (row["passes"], row["grade"]) == (True, "A")
    for one in row["comparisons"]:
        assert (one["precision"], one["bits"]) == ("bfloat16", 8)
        assert 6 <= one["effective_bits"] <= 8
