"""GELU written out comes back as one operator; what only looks like it does not."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import parser

from interop.graph.canonical import canonicalize

_HEAD = """<ir_version: 10, opset_import: ["": 20]>
agraph (float[batch, 9] x) => (float[batch, 9] y)
<float half = {0.5}, float one = {1.0}, float root = {1.4142135}, float inverse = {0.70710677},
 float tenth = {0.1}, float[1] single = {1.0}, float[1, 1] halves = {0.5}> {
"""

#: As mx.onnx, torch's old exporter and tf2onnx write it; numbers with axes, as out of Caffe2.
WRITTEN = {
    "divided": "a = Div (x, root) b = Erf (a) c = Add (b, one) d = Mul (x, c) y = Mul (d, half)",
    "halved first": "h = Mul (half, x) a = Mul (inverse, x) b = Erf (a) c = Add (one, b) y = Mul (h, c)",
    "numbers with axes": "a = Mul (x, inverse) b = Erf (a) c = Add (b, single) d = Mul (x, c) y = Mul (d, halves)",
    "by erfc": "h = Mul (x, half) n = Neg (x) a = Mul (n, inverse) b = Erf (a) c = Sub (one, b) y = Mul (h, c)",
}
OTHERS = {
    "another scale": "a = Mul (x, half) b = Erf (a) c = Add (b, one) d = Mul (x, c) y = Mul (d, half)",
    "another sign": "a = Mul (x, inverse) b = Erf (a) c = Sub (one, b) d = Mul (x, c) y = Mul (d, half)",
    "another sum": "a = Mul (x, inverse) b = Erf (a) c = Add (b, tenth) d = Mul (x, c) y = Mul (d, half)",
    "not halved": "a = Mul (x, inverse) b = Erf (a) c = Add (b, one) y = Mul (x, c)",
    "another x": "t = Tanh (x) a = Mul (t, inverse) b = Erf (a) c = Add (b, one) d = Mul (x, c) y = Mul (d, half)",
}  # fmt: skip


def written(body, tmp_path):
    """(operators of the canonical form, as given, canonical), each of both run."""
    model = parser.parse_model(_HEAD + body.replace(") ", ")\n") + "\n}")
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    canonical = canonicalize(path)
    x = (np.random.default_rng(0).standard_normal((4, 9)) * 2).astype(np.float32)
    given, got = (
        onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"x": x})[0]
        for proto in (model, ir.to_proto(canonical))
    )
    return [node.op_type for node in canonical.graph], given, got


@pytest.mark.parametrize("body", WRITTEN.values(), ids=WRITTEN)
def test_it_is_one_operator(tmp_path, body):
    kinds, given, got = written(body, tmp_path)
    assert kinds == ["Gelu"]
    np.testing.assert_allclose(got, given, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS)
def test_what_is_none_stays(tmp_path, body):
    kinds, given, got = written(body, tmp_path)
    assert "Erf" in kinds
    assert "Gelu" not in kinds
    np.testing.assert_allclose(got, given, rtol=1e-6, atol=1e-7)
