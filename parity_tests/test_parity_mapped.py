"""Weights left in their file give what loaded ones give, and little memory is taken for them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx import numpy_helper as nph

from interop.parity import Truth, floor_runs
from interop.parity.mapped import LARGE, array_of, load_mapped

SIDE = 1024  # of a square weight: four times what is worth leaving in its file


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Two products, a table of integers and a bias, all in a file beside the model."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("mapped")
    weights = {
        "a": rng.normal(0, 0.03, (SIDE, SIDE)).astype(np.float32),
        "b": rng.normal(0, 0.03, (SIDE, SIDE)).astype(np.float32),
        "order": rng.permutation(SIDE),
        "bias": rng.normal(0, 1, SIDE).astype(np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"]),
        helper.make_node("Gather", ["h", "order"], ["g"], axis=1),
        helper.make_node("Add", ["g", "bias"], ["s"]),
        helper.make_node("MatMul", ["s", "b"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "wide", [value("x", TensorProto.FLOAT, ["batch", SIDE])],
        [value("y", TensorProto.FLOAT, ["batch", SIDE])],
        [nph.from_array(array, name) for name, array in weights.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    at = folder / "model.onnx"
    onnx.save(model, at, save_as_external_data=True, location="model.data", size_threshold=16)
    return at


def feed():
    return {"x": np.random.default_rng(1).normal(0, 1, (2, SIDE)).astype(np.float32)}


def test_only_large_weights_stay_in_the_file(path):
    mapped, loaded = load_mapped(path).graph.initializer, onnx.load(path).graph.initializer
    outside = {t.name for t in mapped if t.data_location == TensorProto.EXTERNAL}
    assert outside == {"a", "b"}
    assert LARGE <= SIDE**2
    for one, other in zip(mapped, loaded, strict=True):
        np.testing.assert_array_equal(array_of(one), nph.to_array(other))


def test_truth_and_floor_are_those_of_the_loaded_model(path):
    mapped, loaded = load_mapped(path), onnx.load(path)
    np.testing.assert_array_equal(Truth(mapped).run(feed())["y"], Truth(loaded).run(feed())["y"])
    for one, other in zip(
        floor_runs(mapped, {"": feed()}, runs=2), floor_runs(loaded, {"": feed()}, runs=2),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_array_equal(one[2]["y"], other[2]["y"])


def test_a_mapped_weight_cannot_be_written_over(path):
    weight = next(t for t in load_mapped(path).graph.initializer if t.name == "a")
    with pytest.raises(ValueError, match="read-only"):
        array_of(weight)[0, 0] = 1
