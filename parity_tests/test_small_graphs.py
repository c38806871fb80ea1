"""Small graphs that targets once got wrong, each as little of a real model as shows it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

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


@pytest.mark.parametrize(
    ("text", "target"),
    [(PADDED, "caffe"), (UNFOLDED, "caffe2"), (TRUE, "theano"), (IN_A_ROW, "tensorflow"), (IN_A_ROW, "jax")],
    ids=["padded-caffe", "unfolded-caffe2", "true-theano", "in-a-row-tensorflow", "in-a-row-jax"],
)  # fmt: skip
def test_it_computes_the_same(text: str, target: str, tmp_path: Path) -> None:
    onnx.save(onnx.parser.parse_model(HEAD + text), tmp_path / "m.onnx")
    found = interop.convert(str(tmp_path / "m.onnx"), target=target, output=tmp_path / "out")
    assert found.grade == "A"
