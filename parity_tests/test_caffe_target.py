"""ONNX into Caffe: a prototxt that reads well and a caffemodel, which Caffe itself loads; and back."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import interop
from interop.environments import provide
from interop.errors import EnvironmentUnavailable, UnsupportedOperator
from interop.graph.canonical import canonicalize
from interop.targets import KINDS, to_source


@pytest.fixture(scope="module", autouse=True)
def environment():
    try:
        return provide("caffe")
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


def network(path, nodes, weights, outputs, shape=("batch", 4, 9, 10)):
    """An ONNX file with one input `x`; outputs: name → shape."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, path)
    return path


def drawn(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32) / 3


def windows():
    """Padding that differs at both ends, which Caffe does not have; pools whose rounding differs."""
    weights = {
        "c.weight": drawn(6, 2, 3, 3), "c.bias": drawn(6), "d.weight": drawn(6, 5, 3, 2),
        "d.bias": drawn(5),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "c.weight", "c.bias"], ["a"], group=2, pads=[0, 1, 1, 2], strides=[1, 2]),
        helper.make_node("MaxPool", ["a"], ["b"], kernel_shape=[2, 2], strides=[2, 1], pads=[0, 1, 1, 0]),
        helper.make_node("ConvTranspose", ["b", "d.weight", "d.bias"], ["e"], strides=[2, 2], pads=[1, 0, 0, 1], output_padding=[1, 1]),
        helper.make_node("AveragePool", ["e"], ["f"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], ceil_mode=1),
        helper.make_node("AveragePool", ["f"], ["g"], kernel_shape=[2, 3], pads=[0, 1, 1, 1], count_include_pad=1),
        helper.make_node("MaxPool", ["g"], ["y"], kernel_shape=[3, 2], strides=[2, 2], ceil_mode=0),
    ]  # fmt: skip
    return nodes, weights, {"y": ["batch", 5, None, None]}


def entries():
    """Operands that broadcast, bounds, and results that are read again."""
    weights = {
        "one": drawn(4, 1, 1), "plane": drawn(9, 10), "low": np.float32(-0.25)[...],
        "high": np.float32(0.5)[...], "cube": drawn(4, 9, 10), "slope": np.abs(drawn(4, 1, 1)),
        "axes": np.array([2, 3], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Mul", ["x", "one"], ["a"]),
        helper.make_node("Sub", ["a", "plane"], ["b"]),
        helper.make_node("Clip", ["b", "low", "high"], ["c"]),
        helper.make_node("PRelu", ["c", "slope"], ["d"]),
        helper.make_node("Max", ["d", "cube"], ["e"]),
        helper.make_node("ReduceMean", ["e", "axes"], ["m"], keepdims=1),
        helper.make_node("Sub", ["e", "m"], ["f"]),
        helper.make_node("HardSwish", ["f"], ["g"]),
        helper.make_node("Min", ["g", "a"], ["y"]),
        helper.make_node("Mul", ["y", "m"], ["h"]),
        helper.make_node("Div", ["h", "one"], ["z"]),
    ]
    return nodes, weights, {"y": ["batch", 4, 9, 10], "z": ["batch", 4, 9, 10]}


def arrangement():
    """Axes that move, parts, and products."""
    weights = {
        "sizes": np.array([1, 3], np.int64), "matrix": drawn(10, 3), "w": drawn(5, 36),
        "b": drawn(5), "shape": np.array([0, -1], np.int64), "first": np.array([1], np.int64),
        "last": np.array([3], np.int64), "axis": np.array([1], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Split", ["x", "sizes"], ["p", "q"], axis=1),
        helper.make_node("Concat", ["q", "p"], ["r"], axis=1),
        helper.make_node("Transpose", ["r"], ["s"], perm=[0, 2, 1, 3]),
        helper.make_node("MatMul", ["s", "matrix"], ["t"]),
        helper.make_node("Softmax", ["t"], ["u"], axis=-1),
        helper.make_node("Slice", ["u", "first", "last", "axis"], ["v"]),
        helper.make_node("Transpose", ["x"], ["n"], perm=[0, 2, 3, 1]),
        helper.make_node("Flatten", ["q"], ["unread"]),
        helper.make_node("ReduceMax", ["n", "last"], ["k"], keepdims=0),
        helper.make_node("Identity", ["k"], ["i"]),
        helper.make_node("Tanh", ["v"], ["y"]),
        helper.make_node("Elu", ["i"], ["z"]),
    ]  # fmt: skip
    return nodes, weights, {"y": ["batch", 2, 4, 3], "z": ["batch", 9, 10]}


@pytest.mark.parametrize("parts", [windows, entries, arrangement])
def test_onnx_into_caffe_and_back(parts, tmp_path):
    there = interop.convert(
        str(network(tmp_path / "small.onnx", *parts())), target="caffe", output=tmp_path / "there"
    )
    assert there.grade == "A"
    files = {file.name for file in there.folder.iterdir()}
    assert files == {"model.prototxt", "model.caffemodel", "weights.safetensors", "manifest.json"}
    back = interop.convert(
        str(there.folder / "model.caffemodel"), target="torch", output=tmp_path / "back"
    )
    assert back.grade == "A"
    assert back.manifest["signature"]["inputs"][0]["shape"][0] == "batch"


def test_a_convolution_reads_as_one_writes_it(tmp_path):
    """Weights keep their names, and their layer is called as their module."""
    weights = {"stem.conv.weight": drawn(6, 4, 3, 3), "stem.conv.bias": drawn(6)}
    nodes = [helper.make_node("Conv", ["x", *weights], ["y"], pads=[1, 1, 1, 1], strides=[2, 2])]
    path = network(tmp_path / "m.onnx", nodes, weights, {"y": ["batch", 6, 5, 5]})
    source = to_source(canonicalize(path), KINDS["caffe"])
    assert source.text.endswith(
        """layer {
  name: "stem.conv"
  type: "Convolution"
  bottom: "x"
  top: "y"
  param { name: "stem.conv.weight" }
  param { name: "stem.conv.bias" }
  convolution_param { num_output: 6 kernel_size: 3 stride: 2 pad: 1 }
}
"""
    )
    assert set(source.weights) == set(weights)


def test_what_caffe_does_not_have_is_all_named(tmp_path):
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["x", "t"], ["m"]),
        helper.make_node("Erf", ["m"], ["e"]),
        helper.make_node("Cos", ["e"], ["y"]),
    ]
    path = network(tmp_path / "m.onnx", nodes, {}, {"y": ["batch", 4, 9, 9]})
    with pytest.raises(UnsupportedOperator) as caught:
        interop.convert(str(path), target="caffe", output=tmp_path / "out")
    for why in ("two computed tensors", "ai.onnx::Cos", "ai.onnx::Erf"):
        assert why in caught.value.message
    assert not (tmp_path / "out").exists()


def test_other_dtypes_and_open_sizes_are_refused(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Shape", ["x"], ["z"])]
    path = network(
        tmp_path / "m.onnx",
        nodes,
        {},
        {"y": ["batch", 4, "height", 10]},
        ("batch", 4, "height", 10),
    )
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.INT64, [4]))
    onnx.save(model, path)
    with pytest.raises(UnsupportedOperator, match=r"(?s)'x': .*--size.*'z': .*not INT64"):
        interop.convert(str(path), target="caffe", output=tmp_path / "out")


@pytest.mark.slow
def test_round_trip(tmp_path):
    """A network of Caffe, to torch and back into Caffe."""
    done = interop.roundtrip(
        "resnet18", through=["caffe", "torch", "caffe"], output=tmp_path / "out"
    )
    assert [hop.first.grade for hop in done.hops] == ["A", "A"]
    assert all(min(hop.first.effective_bits.values()) > 22 for hop in done.hops)
