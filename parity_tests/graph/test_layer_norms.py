"""Layer normalization written out comes back as one operator; what only looks like it does not."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import parser

from interop.graph.canonical import canonicalize

_HEAD = """<ir_version: 10, opset_import: ["": 20]>
agraph (float[batch, 3, 4] x) => (float[batch, 3, 4] y)
<float[4] scale = {0.5, 1.0, -2.0, 3.0}, float[4] bias = {0.1, 0.0, 1.0, -1.0}, float epsilon = {0.01},
 float[1] vector = {0.01}, float one = {1.0}, float two = {2.0}, float half = {0.5},
 float third = {0.33}, int64[1] last = {-1}, int64[1] middle = {1}, int64[2] both = {1, 2},
 float[3, 4] scales = {1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12.}> {
"""
_CENTRED = "m = ReduceMean (x, last) d = Sub (x, m) "
_SPREAD = "q = Mul (d, d) v = ReduceMean (q, last) e = Add (v, epsilon) r = Sqrt (e) "
_SHORT = _CENTRED + _SPREAD + "i = Reciprocal (r) "

#: As TFLite's files, tf2onnx, torch's old exporter and others write it → how many operators are left.
WRITTEN = {
    "reciprocal": (_SHORT + "n = Mul (d, i) s = Mul (n, scale) y = Add (s, bias)", 1),
    "scaled root": (_SHORT + "g = Mul (i, scale) s = Mul (d, g) y = Add (bias, s)", 1),
    "divided": (_CENTRED + _SPREAD + "n = Div (d, r) s = Mul (scale, n) y = Add (s, bias)", 1),
    "one divided": (_CENTRED + _SPREAD + "i = Div (one, r) n = Mul (d, i) y = Mul (n, scale)", 1),
    "powers": (
        _CENTRED + "q = Pow (d, two) v = ReduceMean (q, last) e = Add (vector, v) r = Pow (e, half)"
        " n = Div (d, r) s = Mul (n, scale) y = Add (s, bias)", 1,
    ),
    "centred twice": (
        _CENTRED + "c = Sub (x, m) q = Mul (c, c) v = ReduceMean (q, last) e = Add (v, epsilon)"
        " r = Sqrt (e) n = Div (d, r) s = Mul (n, scale) y = Add (s, bias)", 1,
    ),
    "two axes": (
        "m = ReduceMean (x, both) d = Sub (x, m) q = Mul (d, d) v = ReduceMean (q, both)"
        " e = Add (v, epsilon) r = Sqrt (e) n = Div (d, r) y = Mul (n, scales)", 1,
    ),
    "no scale": (_SHORT + "n = Mul (d, i) a = Abs (n) y = Mul (n, a)", 3),
    "no scale, divided": (_CENTRED + _SPREAD + "y = Div (d, r)", 1),
    "another scale": (_SHORT + "n = Mul (d, i) y = Mul (n, third)", 1),
    "bias alone": (_SHORT + "n = Mul (d, i) y = Add (n, bias)", 1),
    "another bias": (_SHORT + "n = Mul (d, i) s = Mul (n, scale) y = Add (s, one)", 1),
    "read twice": (_SHORT + "n = Mul (d, i) s = Mul (n, scale) b = Add (s, bias) y = Mul (s, b)", 3),
}  # fmt: skip
OTHERS = {
    "another axis": "m = ReduceMean (x, middle) d = Sub (x, m) q = Mul (d, d)"
    " v = ReduceMean (q, middle) e = Add (v, epsilon) r = Sqrt (e) n = Div (d, r) y = Mul (n, scale)",
    "two axes of one": "m = ReduceMean (x, both) d = Sub (x, m) q = Mul (d, d)"
    " v = ReduceMean (q, last) e = Add (v, epsilon) r = Sqrt (e) n = Div (d, r) y = Mul (n, scales)",
    "not centred": "q = Mul (x, x) v = ReduceMean (q, last) e = Add (v, epsilon) r = Sqrt (e)"
    " n = Div (x, r) y = Mul (n, scale)",
    "spread of something else": _CENTRED + "q = Mul (x, x) v = ReduceMean (q, last)"
    " e = Add (v, epsilon) r = Sqrt (e) n = Div (d, r) y = Mul (n, scale)",
    "another power": _CENTRED + "q = Mul (d, d) v = ReduceMean (q, last) e = Add (v, epsilon)"
    " r = Pow (e, third) n = Div (d, r) y = Mul (n, scale)",
    "the other way round": _CENTRED + _SPREAD + "n = Div (r, d) y = Mul (n, scale)",
    "turned": _CENTRED + "c = Sub (m, x) q = Mul (c, c) v = ReduceMean (q, last)"
    " e = Add (v, epsilon) r = Sqrt (e) n = Div (c, r) y = Mul (n, scale)",
}  # fmt: skip


def written(body, tmp_path):
    """(operators of the canonical form, as given, canonical), each of both run."""
    model = parser.parse_model(_HEAD + body.replace(") ", ")\n") + "\n}")
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    canonical = canonicalize(path)
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    given, got = (
        onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"x": x})[0]
        for proto in (model, ir.to_proto(canonical))
    )
    return [node.op_type for node in canonical.graph], given, got


@pytest.mark.parametrize(("body", "count"), WRITTEN.values(), ids=WRITTEN)
def test_it_is_one_operator(tmp_path, body, count):
    kinds, given, got = written(body, tmp_path)
    assert kinds[0] == "LayerNormalization"
    assert len(kinds) == count
    np.testing.assert_allclose(got, given, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS)
def test_what_is_none_stays(tmp_path, body):
    kinds, given, got = written(body, tmp_path)
    assert "LayerNormalization" not in kinds
    np.testing.assert_allclose(got, given, rtol=1e-5, atol=1e-6)
