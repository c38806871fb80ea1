"""Weights that a model stores as integers reach a runtime that takes ONNX as integers.

ONNX Runtime is the witness: handed real weights between quantized activations it quantizes them by one
scale for all channels, and computes something else.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx import numpy_helper as nph

import interop
from interop.graph.canonical import canonicalize
from interop.graph.load import load
from interop.graph.stored import remember_stored, store_again, stored_in

RNG = np.random.default_rng(7)
WEIGHTS = RNG.integers(-128, 128, (8, 4, 3, 3)).astype(np.int8)
SCALES = np.geomspace(1e-4, 1e-1, 8).astype(np.float32)  # of which no single one does
BIAS = RNG.integers(-999, 999, 8).astype(np.int32)


def quantized_conv(weights=WEIGHTS, *, kind=TensorProto.INT8):
    """x int8 [batch, 4, 8, 8] to y int8: a Conv and Relu between quantized activations."""
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "one", "none"], ["real_x"]),
        helper.make_node("DequantizeLinear", ["weight", "scales", "zeros"], ["real_w"], axis=0),
        helper.make_node("DequantizeLinear", ["bias", "scales"], ["real_b"], axis=0),
        helper.make_node("Conv", ["real_x", "real_w", "real_b"], ["conv"], "conv"),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("QuantizeLinear", ["relu", "two", "none"], ["y"]),
    ]
    arrays = {
        "one": np.float32(1.0), "two": np.float32(2.0), "none": np.int8(0), "weight": weights,
        "scales": SCALES, "zeros": np.zeros(8, np.int8), "bias": BIAS,
    }  # fmt: skip
    ends = [
        [helper.make_tensor_value_info("x", kind, ["batch", 4, 8, 8])],
        [helper.make_tensor_value_info("y", kind, ["batch", 8, 6, 6])],
    ]
    weights_of = [nph.from_array(np.asarray(array), name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "quantized", *ends, weights_of)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "quantized.onnx"
    onnx.save(quantized_conv(), path)
    return path


def steps(model, truth, *, optimised=True):
    """By how many steps ONNX Runtime's answers differ from `truth` at most."""
    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    x = np.random.default_rng(1).integers(-128, 128, (2, 4, 8, 8)).astype(np.int8)
    (given,) = session.run(None, {"x": x})
    return given if truth is None else int(np.abs(given.astype(int) - truth.astype(int)).max())


def test_the_integers_come_back(written):
    model = canonicalize(written)
    assert [n.op_type for n in model.graph].count("DequantizeLinear") == 1
    assert store_again(model) == 2
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    found = {value.const_value.numpy().dtype.name for value in model.graph.initializers.values()}
    assert found == {"int8", "int32", "float32"}
    kept = [v for v in model.graph.initializers.values() if v.const_value.numpy().ndim == 4]
    assert [v.const_value.numpy().dtype.name for v in kept] == ["int8"]
    np.testing.assert_array_equal(kept[0].const_value.numpy(), WEIGHTS)


def test_onnx_runtime_tells_the_difference(written):
    truth = steps(onnx.load(written), None, optimised=False)
    real, stored = canonicalize(written), canonicalize(written)
    store_again(stored)
    assert steps(ir.to_proto(real), truth) > 1  # what was handed over before
    assert steps(ir.to_proto(stored), truth) <= 1  # a tie may fall on either side


def test_other_weights_stay_as_they_are(written, tmp_path):
    """A name alone does not make them the same."""
    other = tmp_path / "other.onnx"
    onnx.save(quantized_conv(WEIGHTS[::-1].copy()), other)
    model = canonicalize(written)
    remember_stored(model, stored_in(load(other)))
    assert store_again(model) == 1  # the bias
    assert store_again(canonicalize(written)) == 2


def test_a_backend_gets_them(written):
    found = interop.check(str(written), on="onnxruntime:cpu")
    assert [row["passes"] for row in found.rows] == [True, True], found.rows


def test_an_onnx_file_has_them(written, tmp_path):
    made = interop.convert(str(written), target="onnx", output=tmp_path / "made")
    assert made.passed
    model = onnx.load(tmp_path / "made" / "model.onnx")
    assert {
        nph.to_array(one).dtype.name for one in model.graph.initializer if len(one.dims) == 4
    } == {"int8"}
