"""The layout pass, run by ONNX Runtime before and after: the same numbers, with few Transposes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.graph.canonical import canonicalize, save
from interop.graph.layout import DOMAIN, to_channels_last

_spec = importlib.util.spec_from_file_location(
    "_channels_last", Path(__file__).parent / "channels_last.py"
)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
to_standard = _module.to_standard

RNG = np.random.default_rng(7)


def model(nodes, inputs, outputs, weights=None, opset=20):
    """A checked model; `inputs` maps names to shapes, all float32."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in (weights or {}).items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    proto = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
    onnx.checker.check_model(proto)
    return proto


def execute(path, feeds):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options).run(None, feeds)


def weight(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def node(kind, inputs, outputs, **attributes):
    return helper.make_node(
        kind, inputs.split(), outputs.split(), name=f"{kind}_{outputs}", **attributes
    )


CONV = node("Conv", "x w", "c", pads=[1, 1, 1, 1])
W = {"w": weight(6, 4, 3, 3)}
INT = np.int64

#: name → (nodes after a Conv that makes `c` [2,6,8,10] from `x` [2,4,8,10], weights, Transposes left)
CASES = {
    "conv": ([node("Relu", "c", "y")], {}, 2),
    "bias of lower rank": ([node("Add", "c b", "y")], {"b": weight(6, 1, 1)}, 2),
    "scalar": ([node("Mul", "c s", "y")], {"s": np.float32(3)}, 2),
    "two branches": ([node("Sigmoid", "c", "d"), node("Mul", "c d", "y")], {}, 2),
    "with an input in ONNX's order": ([node("Add", "c x2", "y")], {}, 3),
    "concat": ([node("Concat", "c c", "y", axis=1)], {}, 2),
    "concat on height": ([node("Concat", "c c", "y", axis=-2)], {}, 2),
    "softmax over channels": ([node("Softmax", "c", "y", axis=1)], {}, 2),
    "split": ([node("Split", "c sizes", "d e", axis=1), node("Mul", "d e", "y")],
              {"sizes": np.array([3, 3], INT)}, 2),
    "pad": ([node("Pad", "c pads", "y")], {"pads": np.array([0, 1, 2, 3, 0, 4, 5, 6], INT)}, 2),
    "pad with axes": ([node("Pad", "c pads  axes", "y")],
                      {"pads": np.array([1, 2], INT), "axes": np.array([1], INT)}, 2),
    "slice": ([node("Slice", "c s e a", "y")],
              {"s": np.array([1, 2], INT), "e": np.array([4, 9], INT), "a": np.array([1, 3], INT)}, 2),
    "slice without axes": ([node("Slice", "c s e", "y")],
                           {"s": np.array([0, 1], INT), "e": np.array([2, 5], INT)}, 2),
    "mean over space": ([node("ReduceMean", "c a", "y", keepdims=0)], {"a": np.array([2, 3], INT)}, 1),
    "mean over space, kept": ([node("ReduceMean", "c a", "y")], {"a": np.array([-1, -2], INT)}, 1),
    "mean over channels": ([node("ReduceMean", "c a", "y", keepdims=0)], {"a": np.array([1], INT)}, 1),
    "mean over height": ([node("ReduceMean", "c a", "y", keepdims=0)], {"a": np.array([2], INT)}, 2),
    "global pool, flatten": ([node("GlobalAveragePool", "c", "d"), node("Flatten", "d", "y")], {}, 1),
    "flatten with space": ([node("Flatten", "c", "y")], {}, 2),
    "squeeze": ([node("GlobalMaxPool", "c", "d"), node("Squeeze", "d a", "y")],
                {"a": np.array([2, 3], INT)}, 1),
    "patches": ([node("Reshape", "c s", "d"), node("Transpose", "d", "y", perm=[0, 2, 1])],
                {"s": np.array([0, 6, -1], INT)}, 1),
    "transpose to NHWC": ([node("Transpose", "c", "y", perm=[0, 2, 3, 1])], {}, 1),
    "other transpose": ([node("Transpose", "c", "y", perm=[0, 2, 1, 3])], {}, 2),
    "resize": ([node("Resize", "c  scales", "y", mode="linear")],
               {"scales": np.array([1, 1, 2, 3], np.float32)}, 2),
    "resize to sizes on axes": ([node("Resize", "c   sizes", "y", axes=[3, 2], mode="nearest")],
                                {"sizes": np.array([5, 4], INT)}, 2),
    "depth to space": ([node("Concat", "c c", "d", axis=1), node("DepthToSpace", "d", "y", blocksize=2)], {}, 2),
    "instance norm": ([node("InstanceNormalization", "c g b", "y")], {"g": weight(6), "b": weight(6)}, 2),
    "shape arithmetic": ([node("Shape", "c", "s"), node("Reshape", "v s", "d"), node("Add", "c d", "y")],
                         {"v": weight(2 * 6 * 8 * 10)}, 3),
    "pools": ([node("MaxPool", "c", "d", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
               node("AveragePool", "d", "y", kernel_shape=[2, 2], ceil_mode=1)], {}, 2),
    "prelu": ([node("PRelu", "c s", "y")], {"s": weight(6, 1, 1)}, 2),
    "where": ([node("Less", "c z", "m"), node("Where", "m c z", "y")], {"z": weight(1, 6, 1, 1)}, 2),
    "tile": ([node("Tile", "c r", "y")], {"r": np.array([1, 2, 1, 3], INT)}, 2),
    "layer norm at the end": ([node("LayerNormalization", "c g", "y", axis=-1)], {"g": weight(10)}, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_same_numbers_and_few_transposes(name, tmp_path):
    nodes, weights, transposes = CASES[name]
    nodes = [_with_omitted_inputs(n) for n in nodes]
    inputs = {"x": ["n", 4, 8, 10]}
    if any("x2" in n.input for n in nodes):
        inputs["x2"] = ["n", 6, 8, 10]
    onnx.save(model([CONV, *nodes], inputs, ["y"], {**W, **weights}), tmp_path / "m.onnx")
    canonical = canonicalize(tmp_path / "m.onnx")
    save(canonical, tmp_path / "before.onnx")
    changed = to_channels_last(canonical)
    left = sum(n.op_type == "Transpose" for n in changed.graph.all_nodes())
    assert to_standard(changed) >= 1
    save(changed, tmp_path / "after.onnx")
    feeds = {n: weight(2, *s[1:]) for n, s in inputs.items()}
    [before] = execute(tmp_path / "before.onnx", feeds)
    [after] = execute(tmp_path / "after.onnx", feeds)
    assert before.shape == after.shape
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5)
    assert left == transposes


def _with_omitted_inputs(proto):
    """Resize reads X, roi, scales, sizes; Pad reads data, pads, value, axes."""
    names = list(proto.input)
    if proto.op_type == "Resize" and names[-1] == "scales":
        proto.input[:] = [names[0], "", "scales"]
    if proto.op_type == "Resize" and names[-1] == "sizes":
        proto.input[:] = [names[0], "", "", "sizes"]
    if proto.op_type == "Pad" and names[-1] == "axes":
        proto.input[:] = [names[0], names[1], "", "axes"]
    return proto


def test_a_wrong_axis_would_be_seen(tmp_path):
    """The planted fault: undo one axis that the pass renamed, and the numbers differ."""
    nodes = [CONV, node("Softmax", "c", "y", axis=1)]
    onnx.save(model(nodes, {"x": [2, 4, 8, 10]}, ["y"], W), tmp_path / "m.onnx")
    canonical = canonicalize(tmp_path / "m.onnx")
    save(canonical, tmp_path / "before.onnx")
    changed = to_channels_last(canonical)
    [softmax] = [n for n in changed.graph if n.op_type == "Softmax"]
    softmax.attributes["axis"] = ir.AttrInt64("axis", 1)
    to_standard(changed)
    save(changed, tmp_path / "after.onnx")
    feeds = {"x": RNG.standard_normal((2, 4, 8, 10)).astype(np.float32)}
    [before], [after] = (execute(tmp_path / f, feeds) for f in ("before.onnx", "after.onnx"))
    assert not np.allclose(before, after, atol=1e-3)


def test_images_may_go_in_and_out_channels_last(tmp_path):
    onnx.save(
        model([CONV, node("Relu", "c", "y")], {"x": [2, 4, 8, 10]}, ["y"], W), tmp_path / "m.onnx"
    )
    changed = to_channels_last(canonicalize(tmp_path / "m.onnx"), keep_io=False)
    assert not [n for n in changed.graph if n.op_type == "Transpose"]
    assert list(changed.graph.inputs[0].shape) == [2, 8, 10, 4]
    assert list(changed.graph.outputs[0].shape) == [2, 8, 10, 6]
    assert [n.domain for n in changed.graph] == [DOMAIN, ""]
