"""Loops of a known number of turns, unrolled, compute what ONNX Runtime does of them as they are."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx_ir.passes.common import LiftConstantsToInitializersPass

from interop.graph.decompositions import unrolled
from interop.graph.decompositions.apply import decompose
from interop.parity.truth.evaluator import Truth

HEAD = '<ir_version: 10, opset_import: ["" : 21]>\n'

#: The number of the turn, a value from around it, a branch inside it, and something kept of each turn.
LOOP = """
loop (float[3] x, float[3] y) => (float[3] last, float[3] same, float[n, 3] kept)
<int64 turns = {4}, bool go = {1}>
{
  last, same, kept = Loop (turns, go, x, y) <body = each
    (int64 i, bool on, float[3] state, float[3] as_is) => (bool onward, float[3] next, float[3] as_is, float[3] row) {
      two = Constant <value_int = 2> ()
      odd = Mod (i, two)
      zero = Constant <value_int = 0> ()
      even = Equal (odd, zero)
      step = If (even) <then_branch = a () => (float[3] s) { s = Mul (state, as_is) },
                        else_branch = b () => (float[3] t) { t = Sub (state, y) }>
      number = Cast <to = 1> (i)
      next = Add (step, number)
      row = Neg (next)
      onward = Identity (on)
    }>
}
"""
SCAN = """
scan (float[2, 3] x, float[3, 5] a, float[2, 5] b) => (float[2] last, float[2, 5] sums, float[5, 2] back)
{
  start = ReduceSum <keepdims = 0> (x, axes)
  last, sums, back = Scan <num_scan_inputs = 2, scan_input_axes = [1, 1], scan_input_directions = [0, 1],
    scan_output_axes = [1, 0], scan_output_directions = [0, 1], body = each
    (float[2] state, float[3] p, float[2] q) => (float[2] next, float[2] sum, float[2] copy) {
      total = ReduceSum <keepdims = 1> (p)
      next = Add (state, total)
      sum = Sub (next, q)
      copy = Mul (next, q)
    }> (start, a, b)
}
"""


def parsed(text: str) -> onnx.ModelProto:
    text = text.replace("\n{\n  start", "\n<int64[1] axes = {1}>\n{\n  start")
    return onnx.parser.parse_model(HEAD + text)


def rewritten(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[str, str]]:
    model = ir.from_proto(onnx.shape_inference.infer_shapes(proto, data_prop=True))
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    nodes = [node for node in model.graph if node.op_type in ("Loop", "Scan")]
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        node.name = f"{node.op_type}_{node.outputs[0].name}"
    _, refused = decompose(model, nodes)
    made = ir.to_proto(model)
    onnx.checker.check_model(made, full_check=True)
    return made, refused


@pytest.mark.parametrize("text", [LOOP, SCAN], ids=["loop", "scan"])
def test_it_computes_the_same(text: str) -> None:
    proto = parsed(text)
    made, refused = rewritten(proto)
    assert not refused
    assert not {node.op_type for node in made.graph.node} & {"Loop", "Scan"}
    rng = np.random.default_rng(0)
    feeds = {
        value.name: rng.normal(
            size=[dim.dim_value for dim in value.type.tensor_type.shape.dim]
        ).astype(np.float32)
        for value in proto.graph.input
    }
    for given, expected in zip(run(made, feeds), run(proto, feeds), strict=True):
        np.testing.assert_array_equal(given, expected)
    for given, expected in zip(Truth(proto).run(feeds).values(), run(proto, feeds), strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-6)


def run(proto: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(proto.SerializeToString()).run(None, feeds)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("bool go = {1}", "bool go = {0}", "when it stops depends on data"),
        ("onward = Identity (on)", "onward = Less (i, two)", "when it stops depends on data"),
        ("int64 turns = {4}", "int64 turns = {0}", "it never turns"),
        ("int64 turns = {4}", "int64 turns = {4000}", "4000 turns of 9 nodes"),
        ("float[3] y)", "float[3] y, int64 turns)", "how often it turns is not known"),
    ],
)  # fmt: skip
def test_what_is_no_fixed_number_of_copies_is_refused(old: str, new: str, why: str) -> None:
    assert old in LOOP
    text = LOOP.replace(old, new)
    if "y, int64" in new:
        text = text.replace("int64 turns = {4}, ", "")
    made, refused = rewritten(parsed(text))
    assert why in refused["Loop_last"]
    assert any(node.op_type == "Loop" for node in made.graph.node)


def test_a_turn_that_read_the_state_before_it_would_be_noticed(monkeypatch) -> None:
    """The planted fault: every turn starts from the first state."""
    right = unrolled._turn
    starts: list[ir.Value] = []

    def wrong(op, body, number, given):
        starts.append(given[2])
        return right(op, body, number, [*given[:2], starts[0], *given[3:]])

    monkeypatch.setattr(unrolled, "_turn", wrong)
    with pytest.raises(AssertionError):
        test_it_computes_the_same(LOOP)
