"""What is spelled out comes back as the operator that it is, and what only looks like it does not.

Each graph is run by ONNX Runtime as it was given and as it is recognised.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import parser

from interop.graph.canonical import canonicalize
from interop.graph.expand import expand

_NUMBERS = (
    "float one = {1.0}, float two = {2.0}, float six = {6.0}, float eight = {8.0}, float low = {-inf},"
    " float tiny = {0.001}, float none = {nan}, float zero = {0.0}, float share = {0.125},"
    " int64[1] last = {2}, int64[1] first = {0}, int64[1] middle = {1}, int64[2] both = {1, 2},"
    " int64 i0 = {0}, int64 i4 = {4}, int64 i5 = {5}, int64 i6 = {6},"
    " float[5, 2] table = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},"
    " float[8] scale = {1, 2, 3, 4, 5, 6, 7, 8}, float[8] shift = {8, 7, 6, 5, 4, 3, 2, 1}"
)


def both(tmp_path, body, inputs="float[batch, 6, 8] x", result="float[batch, 6, 8] y", feeds=None):
    """(operators of the canonical form, what the graph gives as it is, and canonical)."""
    text = body.replace(") ", ")\n")
    model = parser.parse_model(
        f'<ir_version: 10, opset_import: ["": 20]>\ngraph ({inputs}) => ({result})\n'
        f"<{_NUMBERS.replace('-inf', '-3.4028235e38').replace('nan', '0.0')}> {{\n{text}\n}}"
    )
    for tensor in model.graph.initializer:  # for which the text has no words
        if tensor.name in ("low", "none"):
            tensor.float_data[0] = -np.inf if tensor.name == "low" else np.nan
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    canonical = canonicalize(path)
    if feeds is None:
        feeds = {"x": np.random.default_rng(0).standard_normal((3, 6, 8)).astype(np.float32)}
    given, got = (
        onnxruntime.InferenceSession(proto.SerializeToString()).run(None, feeds)[0]
        for proto in (model, ir.to_proto(canonical))
    )
    return [node.op_type for node in canonical.graph], given, got


def check(found, kinds):
    assert found[0] == kinds
    np.testing.assert_allclose(found[2], found[1], rtol=2e-5, atol=1e-6)


def check_left(found, kind):
    """It is none, so nothing but its shape may have changed."""
    assert kind not in found[0]
    np.testing.assert_allclose(found[2], found[1], rtol=1e-5, atol=1e-6)


SIGMOIDS = {
    "divided": "n = Neg (x) e = Exp (n) s = Add (one, e) y = Div (one, s)",
    "by reciprocal": "n = Neg (x) e = Exp (n) s = Add (e, one) y = Reciprocal (s)",
}
NO_SIGMOIDS = {
    "another sum": "n = Neg (x) e = Exp (n) s = Add (two, e) y = Div (one, s)",
    "not turned": "e = Exp (x) s = Add (one, e) y = Div (one, s)",
    "another numerator": "n = Neg (x) e = Exp (n) s = Add (one, e) y = Div (two, s)",
}


@pytest.mark.parametrize("body", SIGMOIDS.values(), ids=SIGMOIDS)
def test_a_sigmoid(tmp_path, body):
    check(both(tmp_path, body), ["Sigmoid"])


@pytest.mark.parametrize("body", NO_SIGMOIDS.values(), ids=NO_SIGMOIDS)
def test_no_sigmoid(tmp_path, body):
    check_left(both(tmp_path, body), "Sigmoid")


_MAX = "m = ReduceMax <keepdims = 1> (x, {axis}) "
_SUM = "e = Exp (d) s = ReduceSum <keepdims = 1> (e, {axis}) "
SOFTMAXES = {
    "kept": _MAX + "d = Sub (x, m) " + _SUM + "y = Div (e, s)",
    "squeezed and back, from a start": "r = ReduceMax <keepdims = 0> (x, {axis}) t = Max (low, r) "
    "m = Unsqueeze (t, {axis}) d = Sub (x, m) e = Exp (d) r2 = ReduceSum <keepdims = 0> (e, {axis}) "
    "s = Unsqueeze (r2, {axis}) y = Div (e, s)",
}
NO_SOFTMAXES = {
    "a sum along another axis": _MAX + "d = Sub (x, m) e = Exp (d) "
    "s = ReduceSum <keepdims = 1> (e, first) y = Div (e, s)",
    "a maximum along another": "m = ReduceMax <keepdims = 1> (x, first) d = Sub (x, m) " + _SUM
    + "y = Div (e, s)",
    "two axes": "m = ReduceMax <keepdims = 1> (x, both) d = Sub (x, m) e = Exp (d) "
    "s = ReduceSum <keepdims = 1> (e, both) y = Div (e, s)",
    "another start": "r = ReduceMax <keepdims = 1> (x, {axis}) m = Max (zero, r) d = Sub (x, m) "
    + _SUM + "y = Div (e, s)",
    "a mean": _MAX + "d = Sub (x, m) e = Exp (d) s = ReduceMean <keepdims = 1> (e, {axis}) "
    "y = Div (e, s)",
}  # fmt: skip


@pytest.mark.parametrize("axis", ["last", "middle"])
@pytest.mark.parametrize("body", SOFTMAXES.values(), ids=SOFTMAXES)
def test_a_softmax(tmp_path, body, axis):
    check(both(tmp_path, body.format(axis=axis)), ["Softmax"])


@pytest.mark.parametrize("body", NO_SOFTMAXES.values(), ids=NO_SOFTMAXES)
def test_no_softmax(tmp_path, body):
    check_left(both(tmp_path, body.format(axis="last")), "Softmax")


def test_a_softmax_of_what_is_hidden_whole(tmp_path):
    """Rows of nothing but minus infinity are no numbers, either way."""
    feeds = {"x": np.full((3, 6, 8), -np.inf, np.float32)}
    found = both(tmp_path, SOFTMAXES["kept"].format(axis="last"), feeds=feeds)
    assert found[0] == ["Softmax"]
    assert np.isnan(found[1]).all()
    assert np.isnan(found[2]).all()


def test_a_log_softmax(tmp_path):
    body = _MAX + "d = Sub (x, m) " + _SUM + "l = Log (s) y = Sub (d, l)"
    check(both(tmp_path, body.format(axis="last")), ["LogSoftmax"])
    other = _MAX + "d = Sub (x, m) " + _SUM + "l = Log (s) y = Sub (x, l)"
    check_left(both(tmp_path, other.format(axis="last")), "LogSoftmax")


_MEAN = "t = ReduceSum <keepdims = 1> (x, last) m = Div (t, eight) c = Sub (x, m) "
_CENTRED = "q = Mul (c, c) v = ReduceMean <keepdims = 1> (q, last) "
_FAST = (
    "w = Mul (x, x) a = ReduceSum <keepdims = 0> (w, last) b = Mul (a, share) "
    "t2 = ReduceMean <keepdims = 0> (x, last) p = Mul (t2, t2) l = Sub (b, p) r = Relu (l) "
    "v = Unsqueeze (r, last) "
)
_DEVIATION = "k = Add (v, tiny) o = Sqrt (k) "
LAYER_NORMS = {
    "divided": _MEAN
    + _CENTRED
    + _DEVIATION
    + "n = Div (c, o) z = Mul (n, scale) y = Add (z, shift)",
    "without a bias": _MEAN + _CENTRED + _DEVIATION + "n = Div (c, o) y = Mul (scale, n)",
    "without a scale": _MEAN + _CENTRED + _DEVIATION + "y = Div (c, o)",
    "as flax has it": _MEAN
    + _FAST
    + _DEVIATION
    + "i = Reciprocal (o) f = Mul (i, scale) n = Mul (c, f) y = Add (n, shift)",
}
NO_LAYER_NORMS = {
    "epsilon outside the root": _MEAN + _CENTRED
    + "g = Sqrt (v) o = Add (g, tiny) n = Div (c, o) y = Mul (n, scale)",
    "a mean along another axis": "m = ReduceMean <keepdims = 1> (x, middle) c = Sub (x, m) "
    + _CENTRED + _DEVIATION + "n = Div (c, o) y = Mul (n, scale)",
    "a variance along another axis": _MEAN + "q = Mul (c, c) v = ReduceMean <keepdims = 1> (q, middle) "
    + _DEVIATION + "n = Div (c, o) y = Mul (n, scale)",
    "the middle axis": "m = ReduceMean <keepdims = 1> (x, middle) c = Sub (x, m) q = Mul (c, c) "
    "v = ReduceMean <keepdims = 1> (q, middle) " + _DEVIATION + "y = Div (c, o)",
    "over seven of eight": _MEAN + "q = Mul (c, c) s = ReduceSum <keepdims = 1> (q, last) "
    "v = Div (s, six) " + _DEVIATION + "n = Div (c, o) y = Mul (n, scale)",
    "the root of squares alone": "w = Mul (x, x) v = ReduceMean <keepdims = 1> (w, last) "
    + _DEVIATION + "n = Div (x, o) y = Mul (n, scale)",
    "another scale of the squares": _MEAN + _FAST.replace("Mul (a, share)", "Mul (a, two)")
    + _DEVIATION + "n = Div (c, o) y = Mul (n, scale)",
}  # fmt: skip


@pytest.mark.parametrize("body", LAYER_NORMS.values(), ids=LAYER_NORMS)
def test_a_layer_norm(tmp_path, body):
    check(both(tmp_path, body), ["LayerNormalization"])


@pytest.mark.parametrize("body", NO_LAYER_NORMS.values(), ids=NO_LAYER_NORMS)
def test_no_layer_norm(tmp_path, body):
    check_left(both(tmp_path, body), "LayerNormalization")


def test_a_mean_over_a_size_that_is_open(tmp_path):
    count = "n = Shape <start = 0, end = 1> (x) k = Squeeze (n, first) f = Cast <to = 1> (k) "
    body = count + "t = ReduceSum <keepdims = 0> (x, {axis}) y = Div (t, f)"
    result = "float[6, 8] y"
    check(both(tmp_path, body.format(axis="first"), result=result), ["ReduceMean"])
    result = "float[batch, 8] y"
    check_left(both(tmp_path, body.format(axis="middle"), result=result), "ReduceMean")


_LOOKUP = (
    "n = Less (i, i0) a = Add (i, {wrapped}) w = Where (n, a, i) u = Unsqueeze (w, last) "
    "g = GreaterOrEqual (u, i0) l = LessOrEqual (u, {highest}) b = And (g, l) "
    "c = Cast <to = 6> (b) r = ReduceMin <keepdims = 0> (c, last) m = Cast <to = 9> (r) "
    "k = Clip (w, i0, {clipped}) t = Gather <axis = 0> (table, k) m2 = Unsqueeze (m, last) "
    "y = Where (m2, t, {fill})"
)
_USUAL = {"wrapped": "i5", "highest": "i4", "clipped": "i4", "fill": "none"}


def lookup(tmp_path, **changed):
    feeds = {"i": np.array([[0, 4, -5], [-1, 2, 3]])}
    body = _LOOKUP.format(**{**_USUAL, **changed})
    return both(tmp_path, body, "int64[batch, 3] i", "float[batch, 3, 2] y", feeds)


def test_a_lookup(tmp_path):
    check(lookup(tmp_path), ["Gather"])


@pytest.mark.parametrize(
    "changed", [{"wrapped": "i6"}, {"highest": "i6"}, {"clipped": "i0"}, {"fill": "zero"}]
)
def test_a_lookup_of_another_kind(tmp_path, changed):
    """A fill that is a number is a result like any other, and other bounds are other functions."""
    kinds, given, got = lookup(tmp_path, **changed)
    assert "Where" in kinds
    np.testing.assert_array_equal(got, given)


def test_moves_that_undo_each_other(tmp_path):
    body = (
        "a = Unsqueeze (x, first) b = Transpose <perm = [1, 0, 3, 2]> (a) c = Squeeze (b, middle) "
        "d = Transpose <perm = [0, 2, 1]> (c) y = Relu (d)"
    )
    check(both(tmp_path, body), ["Relu"])
    body = body.replace("[0, 2, 1]", "[1, 0, 2]")
    result = "float[8, batch, 6] y"
    check(both(tmp_path, body, result=result), ["Transpose", "Relu"])


def test_a_group_of_one_through_attention(tmp_path):
    """As JAX groups heads: an axis of size 1 from the product to behind the Softmax, which then is
    turned around for the next product."""
    body = (
        "far = Constant <value_ints = [3]> () a = MatMul (x, k) b = Unsqueeze (a, last) "
        "c = Mul (b, two) d = Unsqueeze (mask, middle) e = Add (c, d) p = Softmax <axis = 3> (e) "
        "q = Transpose <perm = [0, 3, 1, 2]> (p) r = Squeeze (q, far) "
        "v = Transpose <perm = [0, 2, 1]> (x) s = MatMul (v, r) y = Transpose <perm = [0, 2, 1]> (s)"
    )
    inputs = "float[batch, 6, 8] x, float[batch, 8, 6] k, float[batch, 1, 6] mask"
    rng = np.random.default_rng(0)
    feeds = {
        "x": rng.standard_normal((3, 6, 8)).astype(np.float32),
        "k": rng.standard_normal((3, 8, 6)).astype(np.float32),
        "mask": rng.standard_normal((3, 1, 6)).astype(np.float32),
    }
    kinds, given, got = both(tmp_path, body, inputs, feeds=feeds)
    assert [one for one in kinds if one != "Identity"] == [
        "MatMul",
        "Mul",
        "Add",
        "Softmax",
        "MatMul",
    ]
    np.testing.assert_allclose(got, given, rtol=2e-5, atol=1e-6)


def test_an_axis_that_a_softmax_goes_along_stays(tmp_path):
    body = "b = Unsqueeze (x, last) p = Softmax <axis = 2> (b) y = Squeeze (p, last)"
    found = both(tmp_path, body)
    assert "Softmax" in found[0]
    np.testing.assert_array_equal(found[2], np.ones((3, 6, 8), np.float32))


@pytest.mark.parametrize("kind", ["LayerNormalization", "Softmax"])
def test_what_is_spelled_out_for_a_target_stays(tmp_path, kind):
    """A target that lacks the operator asks for its body, which recognised would be the operator."""
    inner = {"LayerNormalization": "(x, scale)", "Softmax": "<axis = 1> (x)"}[kind]
    model = parser.parse_model(
        f"""<ir_version: 10, opset_import: ["": 20]> graph (float[batch, 6, 8] x) =>
        (float[batch, 6, 8] y) <{_NUMBERS[_NUMBERS.index("float[8] scale") :]}> {{
        y = {kind} {inner}
        }}"""
    )
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    canonical = canonicalize(tmp_path / "m.onnx")
    (node,) = canonical.graph
    node.name = "the one"
    simpler, done = expand(canonical, ["the one"])
    assert done == {"the one"}
    assert kind not in {node.op_type for node in simpler.graph}
