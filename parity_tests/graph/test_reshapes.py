"""What the canonical form simplifies: it computes the same, of any size, with less."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx_ir as ir
import pytest
from onnx import parser
from onnx.reference import ReferenceEvaluator

from interop.graph.canonical import canonicalize


def simplified(text, tmp_path):
    """(as given, canonical) from onnx's textual form."""
    model = parser.parse_model(text)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return model, ir.to_proto(canonicalize(path))


def kinds(model):
    return Counter(node.op_type for node in model.graph.node)


def same(given, canonical, feeds):
    for expected, got in zip(
        ReferenceEvaluator(given).run(None, feeds),
        ReferenceEvaluator(canonical).run(None, feeds),
        strict=True,
    ):
        assert got.shape == expected.shape
        np.testing.assert_array_equal(got, expected)


def drawn(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


HEADS = """<ir_version: 10, opset_import: ["" : 20]>
g (float[batch, time, 6] x) => (float[batch, time, m] y) <int64[1] three = {3}, int64[1] two = {2},
  int64[1] zero = {0}, int64[1] one = {1}, int64[1] six = {6}>
{
  size = Shape(x)
  b = Slice(size, zero, one)
  t = Slice(size, one, two)
  apart = Concat<axis = 0>(b, t, two, three)
  split = Reshape(x, apart)
  wide = Shape(split)
  h = Slice(wide, two, three)
  back = Concat<axis = 0>(b, t, six)
  y = Reshape(split, back)
}"""


@pytest.mark.parametrize("sizes", [(2, 5), (1, 1), (0, 4), (3, 0)])
@pytest.mark.parametrize("kind", ["Reshape", "Reshape<allowzero=1>"])
def test_targets_that_the_shapes_say(kind, sizes, tmp_path):
    given, canonical = simplified(HEADS.replace("Reshape", kind), tmp_path)
    assert kinds(canonical) == {"Reshape": 2}
    same(given, canonical, {"x": drawn(*sizes, 6)})


@pytest.mark.parametrize(
    "target",
    [
        "t, b, six",  # both sizes are there, but not in these places
        "b, two, half",  # one kept, and one that is computed
    ],
)
def test_targets_that_they_do_not(target, tmp_path):
    text = f"""<ir_version: 10, opset_import: ["" : 20]>
    g (float[batch, time, 6] x) => (float[k, l, m] y) <int64[1] three = {{3}}, int64[1] two = {{2}},
      int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] six = {{6}}>
    {{
      size = Shape(x)
      b = Slice(size, zero, one)
      t = Slice(size, one, two)
      half = Mul(t, three)
      target = Concat<axis = 0>({target})
      y = Reshape(x, target)
    }}"""
    given, canonical = simplified(text, tmp_path)
    assert kinds(canonical)["Concat"] == 1  # it stays computed
    same(given, canonical, {"x": drawn(2, 5, 6)})


SWAP = """<ir_version: 10, opset_import: ["" : 20]>
g (float[batch, heads, time, 6] x) => (float[n, m, k, l] y) <int64[1] six = {6}, int64[1] two = {2},
  int64[1] zero = {0}, int64[1] three = {3}, int64[1] flat = {-1}>
{
  size = Shape(x)
  outer = Slice(size, zero, two)
  t = Slice(size, two, three)
  merged = Concat<axis = 0>(flat, t, six)
  threefold = Reshape(x, merged)
  turned = Transpose<perm = [0, 2, 1]>(threefold)
  back = Concat<axis = 0>(%s)
  z = Reshape(turned, back)
  y = Relu(z)
}"""


def test_a_swap_by_way_of_rank_three(tmp_path):
    given, canonical = simplified(SWAP % "outer, six, t", tmp_path)
    assert kinds(canonical) == {"Transpose": 1, "Relu": 1}
    same(given, canonical, {"x": drawn(2, 3, 5, 6)})


def test_another_way_back_is_none(tmp_path):
    given, canonical = simplified(SWAP % "outer, t, six", tmp_path)
    assert kinds(canonical)["Reshape"] == 2
    same(given, canonical, {"x": drawn(2, 3, 5, 6)})


LSTM = """<ir_version: 10, opset_import: ["" : 20]>
g (float[time, batch, 3] x, float[1, 8, 3] w, float[1, 8, 2] r) => (float[time, 1, batch, 2] y)
  <float number = {%s}, int64[1] one = {1}, int64[1] two = {2}>
{
  size = Shape(x)
  b = Slice(size, one, two)
  shape = Concat<axis = 0>(one, b, two)
  state = Expand(number, shape)
  y, h, c = LSTM<hidden_size = 2>(x, w, r, , , state, state)
}"""


@pytest.mark.parametrize(("number", "others"), [("0.0", 0), ("0.5", 3)])
def test_states_of_zeros_are_left_away(number, others, tmp_path):
    given, canonical = simplified(LSTM % number, tmp_path)
    assert len(canonical.graph.node) == 1 + others
    same(given, canonical, {"x": drawn(4, 2, 3), "w": drawn(1, 8, 3), "r": drawn(1, 8, 2)})


def test_a_single_size_that_is_known(tmp_path):
    text = """<ir_version: 10, opset_import: ["" : 20]>
    g (float[batch, 6] x) => (int64[k] known, int64[k] open) <int64[1] one = {1}, int64[1] two = {2},
      int64[1] zero = {0}>
    {
      size = Shape(x)
      width = Slice(size, one, two)
      height = Slice(size, zero, one)
      known = Mul(width, two)
      open = Mul(height, two)
    }"""
    given, canonical = simplified(text, tmp_path)
    assert kinds(canonical) == {"Shape": 1, "Mul": 2}  # outputs stay computed, here from a constant
    same(given, canonical, {"x": drawn(3, 6)})


MASKS = """<ir_version: 10, opset_import: ["" : 20]>
g (float[batch, time] x) => (float[k, l] y) <int64[1] one = {1}, int64[1] two = {2}, float number = {1}>
{
  first = Abs(x)
  second = Neg(x)
  size_1 = Shape(first)
  size_2 = Shape(second)
  t_1 = Slice(size_1, one, two)
  t_2 = Slice(size_2, one, two)
  mask_1 = Expand(number, t_1)
  mask_2 = Expand(number, t_2)
  a = Add(first, mask_1)
  b = Mul(second, mask_2)
  y = Add(a, b)
}"""


def test_equal_computations_are_one(tmp_path):
    given, canonical = simplified(MASKS, tmp_path)
    assert kinds(canonical) == {"Abs": 1, "Neg": 1, "Shape": 1, "Expand": 1, "Add": 2, "Mul": 1}
    same(given, canonical, {"x": drawn(3, 5)})


def test_other_sizes_are_not_taken_for_each_other(tmp_path):
    text = MASKS.replace("Shape(second)", "Shape(turned)").replace(
        "size_2 =", "turned = Transpose(second)\n  size_2 ="
    )
    given, canonical = simplified(text, tmp_path)
    assert kinds(canonical)["Expand"] == 2
    same(given, canonical, {"x": drawn(4, 4)})


def test_random_numbers_are_drawn_each_time(tmp_path):
    text = """<ir_version: 10, opset_import: ["" : 20]>
    g (float[n] x) => (float[n] y) { a = RandomNormalLike(x)  b = RandomNormalLike(x)  y = Sub(a, b) }"""
    _, canonical = simplified(text, tmp_path)
    assert kinds(canonical)["RandomNormalLike"] == 2
