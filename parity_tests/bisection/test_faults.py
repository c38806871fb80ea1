"""Bisection is given planted faults, of several kinds and in several places, and has to name them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser
from planted import (
    FAULTS,
    RNG,
    Faulty,
    asked,
    fuses_badly,
    has_no_gelu,
    leaks,
    on,
    planted,
)

from interop.bisect import OnnxRuntime, bisect, profile
from interop.bisect.command import carry_out
from interop.bisect.pieces import Graph
from interop.bisect.run import subject
from interop.parity import InputSet
from interop.progress import Silent


@pytest.mark.parametrize("fault", FAULTS)
def test_the_node_is_named(fault: str, original: Path, tmp_path: Path) -> None:
    plant, node, words = FAULTS[fault]
    found = carry_out(asked(original, planted(plant, tmp_path), output=tmp_path / "out"))
    finding = found["finding"]
    assert not found["passes"]
    assert f"'{node}'" in finding["nodes"][0]["node"], finding
    told = [*finding["changes"], *(f"{w['what']} {w['looks']}" for w in finding["weights"])]
    assert any(words in one for one in told), told


def test_the_same_graph_has_no_fault(original: Path, tmp_path: Path) -> None:
    found = carry_out(asked(original, original, output=tmp_path / "out"))
    assert found["passes"]
    assert found["finding"] is None
    assert len(found["layers"]) > 10
    assert not any(layer["wrong"] or layer["undecided"] for layer in found["layers"])
    assert not (tmp_path / "out").exists()


# --- what runs the pieces is at fault ----------------------------------------------------------


def test_a_backend_that_is_wrong_about_one_operator(tmp_path: Path) -> None:
    found = bisect(on(Faulty(leaks), tmp_path), Silent()).finding
    assert (found.kind, [node.name for node in found.nodes]) == ("node", ["bent"])
    assert "so is the output" in found.confirmed


def test_a_fault_of_fusion_is_told_as_that_with_the_smallest_window(tmp_path: Path) -> None:
    searched = bisect(on(Faulty(fuses_badly), tmp_path), Silent())
    found = searched.finding
    assert found.kind == "fused"
    assert {node.name for node in found.nodes} == {"second", "bent"}
    assert not any(layer.wrong for layer in searched.layers)


def test_a_node_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    found = bisect(on(Faulty(has_no_gelu), tmp_path), Silent()).finding
    assert found.nodes[0].name == "act"
    assert "has no Gelu" in found.reason


def test_a_second_fault_behind_the_first_is_not_passed_over(tmp_path: Path) -> None:
    def both(model: onnx.ModelProto) -> None:
        leaks(model)
        for node in model.graph.node:
            node.op_type = "ReduceMax" if node.op_type == "ReduceMean" else node.op_type

    found = bisect(on(Faulty(both), tmp_path), Silent()).finding
    assert found.nodes[0].name == "bent"
    assert "not the only fault" in found.confirmed
    wrong = [
        layer.unit.outputs[0]
        for layer in profile(on(Faulty(both), tmp_path / "all"), Silent())
        if layer.wrong
    ]
    assert wrong == ["f", "pooled"]


def test_what_the_whole_does_not_show_is_found_node_by_node(tmp_path: Path) -> None:
    """Beside a million, what one in a hundred does to values near one is rounding."""
    model = parser.parse_model("""
    <ir_version: 10, opset_import: ["": 23]>
    drowned (float[n,8,16] x) => (float[n,8,16] y)
    <float large = {1000000.0}> {
        [bent] f = LeakyRelu <alpha = 0.1> (x)
        [sum] y = Add (f, large)
    }""")
    found = bisect(on(Faulty(leaks), tmp_path, model), Silent())
    assert not any(one.wrong for one in found.whole.values())
    assert [node.name for node in found.finding.nodes] == ["bent"]
    assert "does not show it" in found.finding.confirmed


def test_a_value_that_cannot_be_handed_over_stays_inside_its_window(tmp_path: Path) -> None:
    """A sequence, and a result without elements."""
    model = parser.parse_model("""
    <ir_version: 10, opset_import: ["": 23]>
    listed (float[n,8,16] x) => (float[n,8,16] y)
    <int64 none = {0}, int64[1] start = {0}, int64[1] axis = {1}, int64[1] end = {0}> {
        [negated] a = Neg (x)
        [list] b = SequenceConstruct (x, a)
        [taken] c = SequenceAt (b, none)
        [nothing] d = Slice (c, start, end, axis)
        [bent] f = LeakyRelu <alpha = 0.1> (c)
        [joined] y = Concat <axis = 1> (f, d)
    }""")
    about = on(Faulty(leaks), tmp_path, onnx.shape_inference.infer_shapes(model))
    assert {unit.outputs: len(unit.reference.nodes) for unit in about.pair.units}[("c",)] == 2
    layers = profile(about, Silent())
    assert [layer.unit.outputs[0] for layer in layers if layer.wrong] == ["f"]
    assert not any(layer.undecided for layer in layers)


def test_a_candidate_that_reads_what_comes_later_in_the_original(tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["": 23]>
    crossed (float[n,8] x) => (float[n,8] y) {
        [one] a = Sin (x)
        [two] b = Cos (x)
        [sum] c = Mul (a, x)
        [end] y = Add (c, b)
    }"""
    bad = parser.parse_model(text.replace("[one] a = Sin (x)", "").replace(
        "[two] b = Cos (x)", "[two] b = Cos (x) [one] a = Sin (b)"))  # fmt: skip
    sets = [InputSet("drawn", {"x": RNG(1).standard_normal((3, 8)).astype(np.float32)})]
    about = subject(Graph(parser.parse_model(text)), Graph(bad), OnnxRuntime(), sets, tmp_path)
    found = bisect(about, Silent()).finding
    assert found.nodes[0].name == "one"
    assert any("Cos 'two'" in change for change in found.changes)
