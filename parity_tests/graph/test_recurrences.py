"""Loops over time that are recurrent layers come back as such, and other loops stay loops.

Each graph is run by ONNX Runtime as it was given, as a Scan, and as it is recognised.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import numpy_helper, parser

from interop.graph.canonical import canonicalize

INSIDE, HIDDEN = 3, 4
WIDTHS = {"LSTM": 4 * HIDDEN, "GRU": 3 * HIDDEN, "RNN": HIDDEN}

_LSTM = (
    "p = MatMul (x, W) q = MatMul (h, R) q2 = Add (q, b) z = Add (p, q2) "
    "zi, zf, zg, zo = Split <axis = 1, num_outputs = 4> (z) "
    "i = Sigmoid (zi) f = Sigmoid (zf) g = Tanh (zg) o = Sigmoid (zo) "
    "k = Mul (f, c) n = Mul (i, g) c2 = Add (k, n) t = Tanh (c2) h2 = Mul (o, t) "
)
_GRU_AFTER = (
    "p0 = MatMul (x, W) p = Add (p0, b) q0 = MatMul (h, R) q = Add (q0, a) "
    "pr, pz, pn = Split <axis = 1, num_outputs = 3> (p) "
    "qr, qz, qn = Split <axis = 1, num_outputs = 3> (q) "
    "sr = Add (pr, qr) r = Sigmoid (sr) sz = Add (pz, qz) z = Sigmoid (sz) "
    "m = Mul (r, qn) sn = Add (pn, m) n = Tanh (sn) "
    "u = Sub (one, z) v = Mul (u, n) w = Mul (z, h) h2 = Add (v, w) "
)
_GRU_BEFORE = (
    "p0 = MatMul (x, W) p = Add (p0, b) q = MatMul (h, S) "
    "pr, pz, pn = Split <axis = 1, num_outputs = 3> (p) qr, qz = Split <axis = 1, num_outputs = 2> (q) "
    "sr = Add (pr, qr) r = Sigmoid (sr) sz = Add (qz, pz) z = Sigmoid (sz) "
    "m = Mul (h, r) mn = MatMul (m, T) sn = Add (pn, mn) n = Tanh (sn) "
    "u = Sub (one, z) v = Mul (n, u) w = Mul (h, z) h2 = Add (w, v) "
)
_RNN = "p = MatMul (x, W) q = MatMul (h, R) s = Add (p, q) s2 = Add (b, s) h2 = Tanh (s2) "

CELLS = {
    "lstm": ("LSTM", _LSTM),
    "gru, reset after": ("GRU", _GRU_AFTER),
    "gru, reset before": ("GRU", _GRU_BEFORE),
    "plain": ("RNN", _RNN),
}
OTHERS = {
    "a gate of another kind": ("LSTM", _LSTM.replace("f = Sigmoid", "f = Tanh")),
    "a memory that is not squashed": ("LSTM", _LSTM.replace("t = Tanh (c2)", "t = Identity (c2)")),
    "a peephole": ("LSTM", _LSTM.replace("zf, zg, zo", "zf0, zg, zo").replace("i = S", "zf = Add (zf0, c) i = S")),
    "the old memory's gate on the new": ("LSTM", _LSTM.replace("Mul (i, g)", "Mul (i, c)")),
    "an update the other way": ("GRU", _GRU_AFTER.replace("Mul (u, n)", "Mul (u, h)").replace("Mul (z, h)", "Mul (z, n)")),
    "two less the gate": ("GRU", _GRU_AFTER.replace("Sub (one, z)", "Sub (two, z)")),
    "another gate's rest": ("GRU", _GRU_AFTER.replace("Sub (one, z)", "Sub (one, r)")),
    "another squashing": ("RNN", _RNN.replace("h2 = Tanh", "h2 = Sigmoid")),
    "an entry squared": ("RNN", _RNN.replace("p = MatMul (x, W)", "xx = Mul (x, x) p = MatMul (xx, W)")),
}  # fmt: skip


def both(tmp_path, kind, body, row="h2", back=(0, 0)):
    """(kinds of the canonical form, the results as given, and of the canonical form)."""
    memory = kind == "LSTM"
    states = "h, float[batch, 4] c" if memory else "h"
    starts, ends = ("h0, c0", "h2, c2") if memory else ("h0", "h2")
    lasts = "hn, cn" if memory else "hn"
    typed = ", ".join(f"float[batch, 4] {one}" for one in lasts.split(", "))
    text = (body + f"y = Identity ({row}) ").replace(") ", ")\n")
    model = parser.parse_model(
        f"""<ir_version: 10, opset_import: ["": 20]>
        graph (float[time, batch, 3] xs, float[batch, 4] h0, float[batch, 4] c0)
          => (float[time, batch, 4] ys, {typed}) <float one = {{1.0}}, float two = {{2.0}}> {{
            {lasts}, ys = Scan <num_scan_inputs = 1, scan_input_directions = [{back[0]}],
              scan_output_directions = [{back[1]}], body = step
              (float[batch, 4] {states}, float[batch, 3] x)
              => ({", ".join(f"float[batch, 4] {one}" for one in [*ends.split(", "), "y"])}) {{ {text} }}
            > ({starts}, xs)
        }}"""
    )
    rng = np.random.default_rng(0)
    width = WIDTHS[kind]
    shapes = {"W": (INSIDE, width), "R": (HIDDEN, width), "b": (width,), "a": (width,),
              "S": (HIDDEN, 2 * HIDDEN), "T": (HIDDEN, HIDDEN)}  # fmt: skip
    for name, shape in shapes.items():
        array = rng.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    canonical = canonicalize(path)
    feeds = {name: rng.standard_normal(shape).astype(np.float32)
             for name, shape in (("xs", (5, 2, 3)), ("h0", (2, 4)), ("c0", (2, 4)))}  # fmt: skip
    results = [
        onnxruntime.InferenceSession(proto.SerializeToString()).run(None, feeds)
        for proto in (model, ir.to_proto(canonical))
    ]
    return [node.op_type for node in canonical.graph], *results


@pytest.mark.parametrize("back", [(0, 0), (1, 1)], ids=["forward", "reverse"])
@pytest.mark.parametrize(("kind", "body"), CELLS.values(), ids=CELLS)
def test_a_recurrent_layer(tmp_path, kind, body, back):
    kinds, given, got = both(tmp_path, kind, body, back=back)
    assert kind in kinds
    assert "Scan" not in kinds
    for expected, one in zip(given, got, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "body"), OTHERS.values(), ids=OTHERS)
def test_another_loop(tmp_path, kind, body):
    kinds, given, got = both(tmp_path, kind, body)
    assert "Scan" in kinds
    for expected, one in zip(given, got, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("row", "back"), [("c2", (0, 0)), ("h2", (1, 0)), ("h2", (0, 1))],
    ids=["rows of the memory", "rows as they were read", "rows from the end"],
)  # fmt: skip
def test_rows_that_a_layer_does_not_give(tmp_path, row, back):
    kinds, given, got = both(tmp_path, "LSTM", _LSTM, row=row, back=back)
    assert "Scan" in kinds
    for expected, one in zip(given, got, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-6, atol=1e-6)


_LAYER = (
    "a = LSTM <hidden_size = 4> (x, W, R) f = Squeeze (a, middle) z = Slice (x, m1, end, {axis}, m1) "
    "b = LSTM <hidden_size = 4> (z, V, R) g = Squeeze (b, middle) "
    "t = Slice (g, m1, end, first, {step}) y = Concat <axis = 2> (f, t) "
)


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({}, ["LSTM", "Transpose", "Reshape"]),
        ({"axis": "middle"}, None),  # the batch is what is turned
        ({"step": "m2"}, None),  # every other row
    ],
    ids=["both directions", "another axis", "another step"],
)
def test_two_directions(tmp_path, changed, kinds):
    body = _LAYER.format(**{"axis": "first", "step": "m1", **changed}).replace(") ", ")\n")
    rows = 5 if "step" not in changed else 3
    text = body if rows == 5 else body.replace("Concat <axis = 2> (f, t)", "Identity (t)")
    result = f"float[{rows}, 2, {8 if rows == 5 else 4}] y"
    model = parser.parse_model(
        f"""<ir_version: 10, opset_import: ["": 20]> graph (float[5, 2, 3] x) => ({result})
        <int64[1] m1 = {{-1}}, int64[1] m2 = {{-2}}, int64[1] end = {{-9223372036854775807}},
         int64[1] first = {{0}}, int64[1] middle = {{1}}> {{ {text} }}"""
    )
    rng = np.random.default_rng(0)
    for name, shape in {"W": (1, 16, 3), "V": (1, 16, 3), "R": (1, 16, 4)}.items():
        array = rng.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    canonical = canonicalize(path)
    feeds = {"x": rng.standard_normal((5, 2, 3)).astype(np.float32)}
    given, got = (
        onnxruntime.InferenceSession(proto.SerializeToString()).run(None, feeds)[0]
        for proto in (model, ir.to_proto(canonical))
    )
    np.testing.assert_allclose(got, given, rtol=1e-5, atol=1e-6)
    found = [node.op_type for node in canonical.graph if node.op_type != "Identity"]
    directions = [
        node.attributes.get_string("direction", "")
        for node in canonical.graph
        if node.op_type == "LSTM"
    ]
    if kinds is None:
        assert "Slice" in found
        assert "bidirectional" not in directions
    else:
        assert found == kinds
        assert directions == ["bidirectional"]
