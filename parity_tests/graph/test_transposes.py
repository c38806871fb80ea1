"""Reductions behind a Transpose reduce what was there before it, where that gives the same."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import parser

from interop.graph.canonical import canonicalize

_TEXT = """<ir_version: 10, opset_import: ["": 20]>
agraph (float[batch, 3, 4, 5] x) => (float[{result}] y) <int64[{count}] axes = {{{axes}}}> {{
    t = Transpose <perm = [{perm}]> (x)
    y = {reduction} <keepdims = {keep}> (t, axes)
}}
"""
#: reduction, order, axes, keepdims, rank of the result, whether the Transpose is still needed
CASES = [
    ("ReduceMean", "0, 2, 3, 1", "1, 2", 0, 2, False),
    ("ReduceMax", "0, 2, 3, 1", "-2, 1", 0, 2, False),
    ("ReduceMin", "3, 2, 1, 0", "0, 1, 2", 0, 1, False),
    ("ReduceProd", "0, 2, 3, 1", "1", 0, 3, True),
    ("ReduceMax", "0, 2, 3, 1", "3", 0, 3, True),  # not the last axes: not every framework can
    ("ReduceMean", "0, 2, 3, 1", "1, 2", 1, 4, True),
]


@pytest.mark.parametrize(("reduction", "perm", "axes", "keep", "rank", "needed"), CASES)
def test_computes_the_same(tmp_path, reduction, perm, axes, keep, rank, needed):
    text = _TEXT.format(
        reduction=reduction, perm=perm, axes=axes, keep=keep, count=len(axes.split(",")),
        result=", ".join(f"d{axis}" for axis in range(rank)),
    )  # fmt: skip
    given = parser.parse_model(text)
    (tmp_path / "m.onnx").write_bytes(given.SerializeToString())
    canonical = canonicalize(tmp_path / "m.onnx")
    assert ("Transpose" in [node.op_type for node in canonical.graph]) == needed
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    expected, got = (
        onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
        for model in (given, ir.to_proto(canonical))
    )
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-6)
