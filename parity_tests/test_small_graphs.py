"""Small graphs that targets once got wrong, each as little of a real model as shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import interop

HEAD = '<ir_version: 9, opset_import: ["" : 20]>\n'

#: Rows of a batch and its steps are folded into one axis, and unfolded by what their shape was.
UNFOLDED = """
g (float[batch, length, 4] x) => (float[batch, length, 4] y)
<int64[2] flat = {-1, 4}, int64[1] width = {4}>
{
  rows = Reshape (x, flat)
  active = Relu (rows)
  shape = Shape <start = 0, end = 2> (x)
  back = Concat <axis = 0> (shape, width)
  y = Reshape (active, back)
}
"""

#: A single constant among booleans.
TRUE = """
g (float[batch, 4] x) => (float[batch, 4] y)
<float zero = {0}, bool yes = {1}>
{
  above = Greater (x, zero)
  both = And (above, yes)
  y = Where (both, x, zero)
}
"""

#: What one loop keeps of its turns is what the next goes over.
IN_A_ROW = """
g (float[length, batch, 4] x, float[batch, 4] start) => (float[length, batch, 4] y)
{
  last, kept = Scan <num_scan_inputs = 1, body = a (float[b, 4] s, float[b, 4] t) => (float[b, 4] u, float[b, 4] v) {
    u = Add (s, t)
    v = Tanh (u)
  }> (start, x)
  end, y = Scan <num_scan_inputs = 1, body = c (float[b, 4] s, float[b, 4] t) => (float[b, 4] u, float[b, 4] v) {
    u = Add (s, t)
    v = Tanh (u)
  }> (last, kept)
}
"""

#: Two layers of other widths, padded by one constant.
PADDED = """
g (float[batch, 2, 5, 5] x) => (float[batch, 3, 8, 8] y)
<int64[8] pads = {0, 0, 0, 0, 0, 0, 1, 1}, float[3, 2, 1, 1] w = {1.0, -2.0, 0.5, 3.0, -1.0, 2.0}>
{
  first = Pad (x, pads)
  middle = Conv <kernel_shape = [1, 1]> (first, w)
  active = Relu (middle)
  second = Pad (active, pads)
  y = Pad (second, pads)
}
"""

#: An image of any size is enlarged, and rows go through a shape that is computed with a size kept in it (0),
#: before the weights ask how wide each is.
OPEN = """
g (float[batch, 2, height, width] x) => (float[batch, rest] y)
<float[4] scales = {1.0, 1.0, 2.0, 2.0}, float[1, 2, 1, 1] w = {1.0, -2.0}, int64[1] kept = {0}, int64[1] wide = {-1},
 int64[1] two = {2}, float[2] v = {0.5, 3.0}, int64[2] flat = {0, -1}>
{
  large = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> (x, , scales)
  one = Conv <kernel_shape = [1, 1]> (large, w)
  active = Relu (one)
  whole = Shape <start = 2, end = 3> (active)
  target = Concat <axis = 0> (kept, whole, wide, two)
  rows = Reshape (active, target)
  scaled = Mul (rows, v)
  y = Reshape (scaled, flat)
}
"""


@pytest.mark.parametrize(
    ("text", "target"),
    [(OPEN, "tflite"), (PADDED, "caffe"), (UNFOLDED, "caffe2"), (TRUE, "theano"), (IN_A_ROW, "tensorflow"), (IN_A_ROW, "jax")],
    ids=["open-tflite", "padded-caffe", "unfolded-caffe2", "true-theano", "in-a-row-tensorflow", "in-a-row-jax"],
)  # fmt: skip
def test_it_computes_the_same(text: str, target: str, tmp_path: Path) -> None:
    onnx.save(onnx.parser.parse_model(HEAD + text), tmp_path / "m.onnx")
    found = interop.convert(str(tmp_path / "m.onnx"), target=target, output=tmp_path / "out")
    assert found.grade == "A"


@pytest.mark.parametrize("target", ["tensorflow", "keras", "tflite"])
def test_what_is_padded_is_added_to_a_convolution(target: str, tmp_path: Path) -> None:
    """As where a residual block widens; TensorFlow dies of it where sizes are known and not small."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((28, 24, 1, 1)), "b": rng.standard_normal(28)}
    pads = numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 4, 0, 0]), "pads")
    graph = helper.make_graph(
        [
            helper.make_node("MaxPool", ["x"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("Pad", ["pooled", "pads"], ["wide"]),
            helper.make_node("Conv", ["pooled", "w", "b"], ["other"]),
            helper.make_node("Add", ["wide", "other"], ["sum"]),
            helper.make_node("Relu", ["sum"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 24, 128, 128])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 28, 64, 64])],
        [pads, *(numpy_helper.from_array(a.astype(np.float32), n) for n, a in weights.items())],
    )
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "m.onnx")
    found = interop.convert(str(tmp_path / "m.onnx"), target=target, output=tmp_path / "out")
    assert found.grade == "A"
