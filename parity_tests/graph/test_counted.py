"""Loops that count to a bound turn as often as it says, and no longer ask."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import parser

from interop.graph.canonical import canonicalize

#: A loop as TensorFlow writes it: {start} to what `ends` says, the sum of rows with it.
_TEXT = """<ir_version: 10, opset_import: ["": 20]>
agraph (float[7, 3] x, int64 limit) => (float[3] y, int64 count)
<int64 start = {{{start}}}, bool yes = {{1}}, float[3] zero = {{0, 0, 0}}> {{
    count, y, last = Loop (, yes, start, zero, limit) <body = body
        (int64 turn, bool going, int64 i, float[3] sum, int64 end)
        => (bool next, int64 after, float[3] total, int64 same)
        <int64 one = {{{step}}}, int64 five = {{5}}, int64 two = {{2}}> {{
            after = Add (i, one)
            row = Gather (x, turn)
            total = Add (sum, row)
            same = Identity (end)
            {ends}
        }}>
}}
"""
COUNTED = {
    "the next": "next = Less (after, five)",
    "this one": "next = Less (i, five)",
    "the turn": "next = Less (turn, two)",
    "two of them": "a = Less (after, five) b = Less (turn, two) next = And (a, b)",
    "a bound that is carried": "next = Less (after, end)",
    "in floats": "a = Cast <to = 1> (after) b = Cast <to = 1> (end) next = Less (a, b)",
}
OTHERS = {
    "above": "next = Greater (five, after) n = Not (next)",
    "a counter that doubles": "d = Mul (after, two) next = Less (d, five)",
}


def both(tmp_path, ends, start=0, step=1):
    given = parser.parse_model(_TEXT.format(ends=ends.replace(") ", ")\n"), start=start, step=step))
    (tmp_path / "m.onnx").write_bytes(given.SerializeToString())
    return given, canonicalize(tmp_path / "m.onnx")


def check(given, canonical):
    x = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
    for limit in (0, 1, 4):
        feeds = {"x": x, "limit": np.array(limit)}
        results = [
            onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
            for model in (given, ir.to_proto(canonical))
        ]
        for expected, got in zip(*results, strict=True):
            np.testing.assert_array_equal(got, expected)


def asks(canonical):
    (loop,) = (node for node in canonical.graph if node.op_type == "Loop")
    return {"Less", "Greater"} & {node.op_type for node in loop.attributes["body"].as_graph()}


@pytest.mark.parametrize("start", [0, 2, 9])
@pytest.mark.parametrize("ends", COUNTED.values(), ids=COUNTED)
def test_it_is_counted(tmp_path, ends, start):
    given, canonical = both(tmp_path, ends, start)
    assert not asks(canonical)
    check(given, canonical)


@pytest.mark.parametrize("ends", OTHERS.values(), ids=OTHERS)
def test_others_ask_on(tmp_path, ends):
    given, canonical = both(tmp_path, ends)
    assert asks(canonical)
    check(given, canonical)


def test_another_step_is_not_counted(tmp_path):
    given, canonical = both(tmp_path, COUNTED["the next"], step=2)
    assert asks(canonical)
    check(given, canonical)
