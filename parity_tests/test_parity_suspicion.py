"""Small constants that are wrong are found within the margin of rounding, and rounding is not blamed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from onnx import numpy_helper as nph
from onnx.reference import ReferenceEvaluator

from interop.parity import Truth, compare_outputs, floor_runs, grade, measure_outputs
from interop.parity.floor.constants import constants, directions
from interop.parity.verdict.compare import OutputParity
from interop.parity.verdict.suspicion import suspects, suspicion

LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_ALL")


def network(*, layer=5e-6, batch=2e-6, factor=0.7978845608, place="inside"):
    """Two products, a layer norm, a batch norm, a tanh scaled by a factor; x (batch, 24)."""
    rng = np.random.default_rng(3)
    variance = (0.2 + rng.random(32)).astype(np.float32)
    gamma = np.ones(32, dtype=np.float32)
    if place == "outside":
        gamma = (np.sqrt(variance + batch) / (np.sqrt(variance) + batch)).astype(np.float32)
    weights = {
        "a": rng.normal(0, 0.2, (24, 32)), "b": rng.normal(0, 0.2, (32, 32)),
        "c": rng.normal(0, 0.2, (32, 10)), "one": np.ones(32), "zero": np.zeros(32),
        "gamma": gamma, "beta": rng.normal(0, 0.1, 32), "mean": rng.normal(0, 0.1, 32),
        "variance": variance, "factor": np.array(factor),
    }  # fmt: skip
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h1"]),
        helper.make_node("LayerNormalization", ["h1", "one", "zero"], ["h2"], epsilon=layer),
        helper.make_node("MatMul", ["h2", "b"], ["h3"]),
        helper.make_node(
            "BatchNormalization", ["h3", "gamma", "beta", "mean", "variance"], ["h4"], epsilon=batch
        ),
        helper.make_node("Mul", ["h4", "factor"], ["h5"]),
        helper.make_node("Tanh", ["h5"], ["h6"]),
        helper.make_node("MatMul", ["h6", "c"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 24])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])],
        [nph.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)


def inputs():
    rng = np.random.default_rng(5)
    return [{"x": rng.normal(0, 1, (rows, 24)).astype(np.float32)} for rows in (8, 16, 4, 12)]


def run(model, level="ORT_ENABLE_ALL"):
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    session = ort.InferenceSession(model.SerializeToString(), options)
    return [dict(zip(["y"], session.run(None, one), strict=True)) for one in inputs()]


@pytest.fixture(scope="module")
def measured():
    model = network()
    truth = [Truth(model).run(one) for one in inputs()]
    numbered = {str(i): one for i, one in enumerate(inputs())}
    runs = [[] for _ in truth]
    for _, label, outputs in floor_runs(model, numbered):
        runs[int(label)].append(outputs)
    noise = [measure_outputs(*pair) for pair in zip(truth, runs, strict=True)]
    return truth, noise, directions(model, inputs(), truth)


def parities(measured, given):
    truth, noise, _ = measured
    return [p for sides in zip(truth, given, noise, strict=True) for p in compare_outputs(*sides)]


#: (what differs from the network) -> the constant that is to be named
FAULTS = {
    "half the epsilon of a layer norm": ({"layer": 2e-6}, "epsilon", "h2"),
    "twice the epsilon of a batch norm": ({"batch": 4e-6}, "epsilon", "h4"),
    "the epsilon outside the root": ({"place": "outside"}, "epsilon's place", "h4"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_within_the_margin_is_named(measured, name):
    options, what, node = FAULTS[name]
    given = run(network(**options))
    found = parities(measured, given)
    assert grade([Compared(one) for one in found]).passes  # by size alone it cannot be told
    assert suspects(found)
    blamed = suspicion(measured[2], given)
    assert (blamed.constant.what, blamed.constant.node) == (what, node)
    assert blamed.errors > 10


def test_how_far_the_constant_is_off(measured):
    assert suspicion(measured[2], run(network(layer=2e-6))).change == pytest.approx(-0.6, abs=0.1)
    assert suspicion(measured[2], run(network(batch=4e-6))).change == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("level", LEVELS)
def test_a_faithful_run_is_under_no_suspicion(measured, level):
    assert suspicion(measured[2], run(network(), level)) is None


def test_neither_is_another_program_in_float32(measured):
    evaluator = ReferenceEvaluator(network())
    given = [{"y": evaluator.run(None, one)[0]} for one in inputs()]
    assert suspicion(measured[2], given) is None


def test_runs_that_only_round_are_not_blamed(measured):
    """Perturbed anew, by other seeds than the floor's: 100 of them."""
    known, sets = measured[2], {str(i): one for i, one in enumerate(inputs())}
    runs = {}
    for number, label, outputs in floor_runs(network(), sets, seed=77, runs=100):
        runs.setdefault(number, {})[int(label)] = outputs
    blamed = [run for run, by in runs.items() if suspicion(known, [by[i] for i in sorted(by)])]
    assert blamed == []


def test_a_change_too_small_for_a_fault_is_none(measured):
    """It is known well, and by its own direction, though another is much like it."""
    assert suspicion(measured[2], run(network(batch=2e-6 * 1.4))) is None


def test_an_artifact_that_rounds_coarsely_is_not_blamed(measured):
    """Four times the noise has four times the standard error."""
    truth, _, known = measured
    rng = np.random.default_rng(1)
    for _ in range(20):
        coarse = [
            {"y": one["y"] + 4 * 2**-24 * rng.normal(0, np.abs(one["y"]).max(), one["y"].shape)}
            for one in truth
        ]
        assert suspicion(known, coarse) is None


def test_what_is_not_comparable_is_left_to_others(measured):
    given = run(network(layer=2e-6))
    given[1]["y"][0, 0] = np.nan
    assert suspicion(measured[2], given) is None


def test_which_constants_may_be_wrong():
    found = {(one.node, one.what) for one in constants(network())}
    assert found == {
        ("h2", "epsilon"), ("h4", "epsilon"), ("h4", "epsilon's place"), ("h5", "a constant of")
    }  # fmt: skip
    assert {one.what for one in constants(network(factor=0.5))} == {"epsilon", "epsilon's place"}


def test_a_factor_of_five_digits_is_named():
    """Alone in its model; where its direction is like another's, that may be named for it."""
    one = helper.make_node("Mul", ["x", "factor"], ["h"])
    two = helper.make_node("Tanh", ["h"], ["y"])
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 24]) for n in "xy"]

    def scaled(by):
        weight = nph.from_array(np.array(by, dtype=np.float32), "factor")
        graph = helper.make_graph([one, two], "scaled", values[:1], values[1:], [weight])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)

    model = scaled(0.7978845608)
    truth = [Truth(model).run(one) for one in inputs()]
    known = directions(model, inputs(), truth)
    blamed = suspicion(known, run(scaled(0.79787)))
    assert blamed.constant.node == "h"
    assert blamed.change == pytest.approx(0.79787 / 0.7978845608 - 1, rel=0.1)
    assert suspicion(known, run(model)) is None


def test_the_check_says_so(tmp_path):
    right, wrong = tmp_path / "right.onnx", tmp_path / "wrong.onnx"
    onnx.save(network(), right)
    onnx.save(network(batch=4e-6), wrong)
    record = tmp_path / "check.json"
    command = ["check", str(right), str(wrong), "--on", "onnxruntime:cpu", "-o", str(record)]
    done = subprocess.run([sys.executable, "-P", "-m", "interop", *command], capture_output=True)
    assert done.returncode == 3
    rows = {row["label"]: row for row in json.loads(record.read_text())["rows"]}
    assert rows[str(wrong)]["grade"] == "C"
    assert "'h4'" in rows[str(wrong)]["reason"]
    assert rows["onnxruntime:cpu"]["grade"] == "A"


@dataclass(frozen=True)
class Compared:
    """One comparison as `grade` takes it."""

    worst: OutputParity
    name: str = "y"
    inputs: str = ""
    hop: str = "none"
