"""TFLite as a target: every precision is what it says, and what has no operators is named."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from interop.models import ZOO
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

import interop
from interop import targets
from interop.errors import UnsupportedOperator, UsageError

pytestmark = pytest.mark.slow

QUICK = ("lstm_classifier", "keyword_spotter", "dlrm")
ZOO_WAYS = [pytest.param(n, marks=() if n in QUICK else pytest.mark.long) for n in ZOO]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """An .npz with one input of a small network, batch 4."""
    path = tmp_path_factory.mktemp("data") / "images.npz"
    rng = np.random.default_rng(2)
    np.savez(path, x=rng.standard_normal((4, 3, 16, 16)).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Convolution, ReLU, a padded pool, a mean and a product; 12 288 bytes of weights and more."""
    rng = np.random.default_rng(1)
    weights = {
        "filters": rng.standard_normal((64, 3, 3, 3)).astype(np.float32) / 5,
        "matrix": rng.standard_normal((64, 256)).astype(np.float32) / 8,
    }
    nodes = [
        helper.make_node("Conv", ["x", "filters"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["p"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("MatMul", ["f", "matrix"], ["y"]),
    ]
    return save(tmp_path_factory, nodes, weights, ["batch", 3, 16, 16], ["batch", 256])


def save(factory, nodes, weights, given, made):
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, made)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )  # fmt: skip
    path = factory.mktemp("model") / "small.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path
    )
    return path


def converted(network, folder, **options):
    return interop.convert(str(network), target="tflite", output=folder, **options)


def test_precisions(network, images, tmp_path):
    whole = converted(network, tmp_path / "float32")
    half = converted(network, tmp_path / "float16", precision="float16")
    byte = converted(network, tmp_path / "int8", precision="int8", data=images)
    done = {"float32": whole, "float16": half, "int8": byte}
    for precision, one in done.items():
        assert one.manifest["target"]["precision"] == precision
    assert whole.grade == "A"
    # Each is held to what its own precision can give.
    figures = {name: one.manifest["parity"]["outputs"]["y"] for name, one in done.items()}
    bits = {name: one["effective_bits"] for name, one in figures.items()}
    assert 24 >= bits["float32"] > 22
    assert 11 >= bits["float16"] > 9
    # The floor of int8 is that of its products; TFLite quantizes what lies between them, too.
    assert 8 >= figures["int8"]["bits"] > bits["int8"] > 0
    assert figures["float16"]["bits"] == 11
    assert "what float16 does" in half.manifest["parity"]["summary"]
    assert "what float16 does" in half.manifest["rule"]["sentence"]
    assert half.passed
    sizes = {name: one.manifest["artifacts"][0]["bytes"] for name, one in done.items()}
    assert sizes["float32"] > 1.5 * sizes["float16"] > 1.5 * sizes["int8"]


def test_a_fault_that_is_no_rounding_of_float16_fails(network, tmp_path, monkeypatch):
    """One weight in a hundred off by a tenth."""
    build = targets.build

    def spoilt(target, worker, precision, calibration):
        path = target.folder / "weights.safetensors"
        weights = load_file(path)
        (name,) = [name for name, array in weights.items() if array.size == 64 * 256]
        weights[name].reshape(-1)[::100] *= np.float32(1.1)
        save_file(weights, path)
        return build(target, worker, precision, calibration)

    monkeypatch.setattr(targets, "build", spoilt)
    done = converted(network, tmp_path / "out", precision="float16")
    assert not done.passed
    assert done.manifest["rule"]["hop"] == "import"


@pytest.mark.parametrize("name", ZOO_WAYS)
def test_zoo(name, exported, tmp_path):
    """Loops over time included: with TFLite's own operators alone, its sizes open."""
    done = interop.convert(
        str(exported(name) / "model.onnx"), target="tflite", output=tmp_path / "out"
    )
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    inputs = {one["name"]: one["shape"] for one in done.manifest["signature"]["inputs"]}
    assert inputs == {one.name: list(one.shape) for one in ZOO[name].inputs}


def test_int8_needs_data(network, tmp_path):
    with pytest.raises(UsageError, match="calibrate"):
        converted(network, tmp_path / "out", precision="int8")
    assert not (tmp_path / "out").exists()


def test_precisions_are_refused_where_there_are_none(network, tmp_path):
    with pytest.raises(UsageError, match="not written in float16"):
        interop.convert(
            str(network), target="tensorflow", output=tmp_path / "out", precision="float16"
        )


def test_operators_of_tensorflow_alone_are_named(tmp_path_factory, tmp_path):
    nodes = [helper.make_node("Det", ["x"], ["y"])]
    path = save(tmp_path_factory, nodes, {}, ["batch", 3, 3], ["batch"])
    with pytest.raises(UnsupportedOperator, match="MatrixDeterminant"):
        converted(path, tmp_path / "out")
