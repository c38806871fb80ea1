"""What the canonical form knows of sizes: it computes the same, of any size, and says more."""

from __future__ import annotations

import ast

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import parser

from interop.graph.canonical import canonicalize
from interop.targets import KINDS, to_source

HEAD = '<ir_version: 10, opset_import: ["": 17]>\n'


def both(text, tmp_path):
    """(as given, canonical), from onnx's textual form."""
    given = parser.parse_model(HEAD + text)
    path = tmp_path / "m.onnx"
    path.write_bytes(given.SerializeToString())
    return given, canonicalize(path)


def check(given, canonical, **feeds):
    results = [
        onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
        for model in (given, ir.to_proto(canonical))
    ]
    for expected, got in zip(*results, strict=True):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def kinds(model):
    return [node.op_type for node in model.graph]


def drawn(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


#: A layer as mx.onnx writes it: as many lengths as there are samples, each of them `length`.
_LAYER = """
agraph (float[{time}, batch, 3] x, float[1, 12, 3] w, float[1, 12, 4] r) => (float[time2, one, batch2, 4] y, float[{time}, batch, 3] z)
<int64[1] less = {{{less}}}> {{
    shape = Shape (x)
    time, batch, width = Split <axis = 0> (shape)
    length = Sub (time, less)
    lengths = Tile (length, batch)
    narrow = Cast <to = 6> (lengths)
    y = GRU <hidden_size = 4> (x, w, r, , narrow)
    z = ReverseSequence <time_axis = 0, batch_axis = 1> (x, lengths)
}}
"""


@pytest.mark.parametrize("time", [5, "time"])
def test_whole_lengths_are_left_away(tmp_path, time):
    given, canonical = both(_LAYER.format(time=time, less=0), tmp_path)
    layer = next(node for node in canonical.graph if node.op_type == "GRU")
    assert all(value is None for value in layer.inputs[4:])
    assert "ReverseSequence" not in kinds(canonical)
    assert len(canonical.graph) == 2
    check(given, canonical, x=drawn(5, 2, 3), w=drawn(1, 12, 3), r=drawn(1, 12, 4))


@pytest.mark.parametrize("time", [5, "time"])
def test_shorter_lengths_stay(tmp_path, time):
    given, canonical = both(_LAYER.format(time=time, less=1), tmp_path)
    layer = next(node for node in canonical.graph if node.op_type == "GRU")
    assert layer.inputs[4] is not None
    assert "ReverseSequence" in kinds(canonical)
    check(given, canonical, x=drawn(5, 2, 3), w=drawn(1, 12, 3), r=drawn(1, 12, 4))


def test_of_a_split_what_is_known_is_folded(tmp_path):
    """And of a Shape in floats, too: a mean as Theano writes it."""
    given, canonical = both(
        """agraph (float[batch, 6, 4] x) => (float[batch2, w] y, float[batch, 6] m)
        <int64 two = {2}, int64[1] last = {2}, int64[2] column = {-1, 1}> {
            shape = Shape (x)
            batch, height, width = Split <axis = 0> (shape)
            half = Sub (height, width)
            sizes = Concat <axis = 0> (batch, half)
            most = ReduceMax <axes = [1, 2]> (x)
            one = Reshape (most, column)
            y = Expand (one, sizes)
            floats = Cast <to = 1> (shape)
            count = Gather (floats, two)
            sum = ReduceSum <keepdims = 0> (x, last)
            m = Div (sum, count)
        }""",
        tmp_path,
    )
    assert canonical.graph.outputs[0].shape[1] == 2
    assert not {"Sub", "Cast", "Gather"} & set(kinds(canonical))
    check(given, canonical, x=drawn(3, 6, 4))


def test_an_expand_to_its_own_shape_is_dropped(tmp_path):
    """And one that repeats is not."""
    given, canonical = both(
        """agraph (float[batch, 1] x) => (float[batch, 1] y, float[batch2, 3] z)
        <int64[1] first = {0}, int64[1] one = {1}, int64[1] three = {3}> {
            shape = Shape (x)
            batch = Gather (shape, first)
            own = Concat <axis = 0> (batch, one)
            more = Concat <axis = 0> (batch, three)
            same = Expand (x, own)
            y = Tanh (same)
            z = Expand (x, more)
        }""",
        tmp_path,
    )
    assert kinds(canonical).count("Expand") == 1
    check(given, canonical, x=drawn(4, 1))


def test_names_go_through_range_slice_and_reshape(tmp_path):
    given, canonical = both(
        """agraph (float[batch, length, 8] x, float[16, 8] table) => (float[a, b, 2, 4] y)
        <int64 from = {0}, int64 by = {1}, int64[1] one = {1}, int64[1] two = {2}, int64[1] first = {0},
         int64[2] begin = {0, 0}, int64[2] end = {1000000000, 9223372036854775807}, int64[2] axes = {0, 1},
         int64[4] target = {0, -1, 2, 4}> {
            shape = Shape (x)
            long = Slice (shape, one, two)
            last = Squeeze (long, first)
            places = Range (from, last, by)
            rows = Gather (table, places)
            whole = Slice (x, begin, end, axes)
            sum = Add (whole, rows)
            split = Reshape (sum, target)
            y = Tanh (split)
        }""",
        tmp_path,
    )
    shapes = {
        node.op_type: [getattr(dim, "value", dim) for dim in node.outputs[0].shape]
        for node in canonical.graph
    }
    assert shapes["Range"] == ["length"]
    assert shapes["Slice"] == ["batch", "length", 8]
    assert shapes["Reshape"] == ["batch", "length", 2, 4]
    check(given, canonical, x=drawn(2, 5, 8), table=drawn(16, 8))


@pytest.mark.parametrize(
    ("start", "end", "step"),
    [(0, 9, 1), (1, -1, 1), (-3, 99, 1), (0, 7, 3), (-1, -99, -1), (5, 1, -2), (-1, -9223372036854775807, -1),
     (4, 2, 1)],
)  # fmt: skip
def test_what_a_slice_leaves_is_known(tmp_path, start, end, step):
    """Beside an open size, of which onnx's own inference makes nothing of it inside a loop."""
    text = """agraph (float[batch, 7] x) => (float[a, b] y)
        <int64[1] axis = {{-1}}, int64[1] start = {{{}}}, int64[1] end = {{{}}}, int64[1] step = {{{}}}> {{
            cut = Slice (x, start, end, axis, step)
            y = Tanh (cut)
        }}"""
    given, canonical = both(text.format(start, end, step), tmp_path)
    (cut,) = (node.outputs[0] for node in canonical.graph if node.op_type == "Slice")
    assert cut.shape[1] == len(range(7)[start:end:step])
    check(given, canonical, x=drawn(2, 7))


def test_a_reshape_that_keeps_sizes_infers_none_that_is_known(tmp_path):
    given, canonical = both(
        """agraph (float[batch, 2, 3] x) => (float[batch, c] y) <int64[2] target = {0, -1}> {
            y = Reshape (x, target)
        }""",
        tmp_path,
    )
    assert canonical.graph[0].inputs[1].const_value.numpy().tolist() == [0, 6]
    check(given, canonical, x=drawn(4, 2, 3))


def test_a_scan_with_more_inputs_than_results(tmp_path):
    given, canonical = both(
        """agraph (float[batch, 3] s, float[time, batch, 3] a, float[time, batch, 3] b) => (float[batch2, 3] y) {
            y = Scan <num_scan_inputs = 2, body = step
                (float[n, 3] state, float[n, 3] one, float[n, 3] other) => (float[n, 3] next) {
                    both = Mul (one, other)
                    next = Add (state, both)
                }> (s, a, b)
        }""",
        tmp_path,
    )
    assert [getattr(d, "value", d) for d in canonical.graph.outputs[0].shape] == ["batch", 3]
    check(given, canonical, s=drawn(2, 3), a=drawn(5, 2, 3), b=drawn(5, 2, 3))


def test_a_result_with_open_sizes_is_written_for_keras(tmp_path):
    """It is the last statement, and no other one reads it."""
    _, canonical = both(
        """agraph (float[batch, length, 3] x) => (float[a, b, 4] y)
        <float[3, 4] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, int64[2] rows = {-1, 3}, int64[1] first = {0}, int64[1] two = {2}, int64[1] four = {4}> {
            shape = Shape (x)
            flat = Reshape (x, rows)
            product = MatMul (flat, w)
            outer = Slice (shape, first, two)
            sizes = Concat <axis = 0> (outer, four)
            y = Reshape (product, sizes)
        }""",
        tmp_path,
    )
    tree = ast.parse(to_source(canonical, KINDS["keras"]).text)
    (build,) = (node for node in tree.body if getattr(node, "name", "") == "build")
    written = {name.id for node in ast.walk(build) for name in getattr(node, "targets", [])}
    read = {name.id for name in ast.walk(build.body[-1]) if isinstance(name, ast.Name)}
    assert "y" in read & written
