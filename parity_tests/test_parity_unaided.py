"""What a backend shows by itself: each check has runners at fault that it catches, and a faithful one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest

from interop.errors import InvalidModel, ParityFailed
from interop.graph.canonical import signature_of
from interop.output import digest
from interop.parity import Truth, floor_runs, measure_outputs
from interop.parity.inputs.sets import InputSet
from interop.parity.unaided import (
    REBUILT,
    ROWS,
    Finding,
    Outcome,
    Run,
    Trial,
    Yardstick,
    agree,
    batch_axes,
    identical_rows,
    judge,
    not_run,
    of_one_digest,
    rows_alone,
    second_run,
)

RNG = np.random.default_rng

MLP = """
<ir_version: 10, opset_import: ["" : 23]>
net (float[n, 32] x) => (float[n, 16] y) {
  h = MatMul(x, w)
  a = Tanh(h)
  y = MatMul(a, v)
}"""

#: Batch norm as in training, and a Softmax over the batch: rows act upon each other.
BATCH_NORM = """
<ir_version: 10, opset_import: ["" : 23]>
net (float[n, 32] x) => (float[n, 16] y) {
  h = MatMul(x, w)
  zero = Constant<value = int64[1] {0}>()
  mean = ReduceMean(h, zero)
  d = Sub(h, mean)
  dd = Mul(d, d)
  var = ReduceMean(dd, zero)
  eps = Constant<value = float[1] {0.001}>()
  ve = Add(var, eps)
  s = Sqrt(ve)
  a = Div(d, s)
  y = MatMul(a, v)
}"""
OVER_BATCH = """
<ir_version: 10, opset_import: ["" : 23]>
net (float[n, 32] x) => (float[n, 16] y) {
  h = MatMul(x, w)
  a = Softmax<axis = 0>(h)
  y = MatMul(a, v)
}"""
#: Time leads, the batch comes second; the second output has no rows.
RECURRENT = """
<ir_version: 10, opset_import: ["" : 23]>
net (float[7, n, 32] x) => (float[7, 1, n, 8] y, float total) {
  y = GRU<hidden_size = 8>(x, g, r)
  total = ReduceMax<keepdims = 0>(x)
}"""


@functools.cache
def model(text: str) -> onnx.ModelProto:
    parsed = onnx.parser.parse_model(text)
    rng = RNG(1)
    shapes = {"w": (32, 24), "v": (24, 16), "g": (1, 24, 32), "r": (1, 24, 8)}
    read = {name for node in parsed.graph.node for name in node.input}
    for name in sorted(read & shapes.keys()):
        value = rng.standard_normal(shapes[name]).astype(np.float32) / 4
        parsed.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    return onnx.shape_inference.infer_shapes(parsed)


@functools.cache
def runner(text: str) -> Run:
    session = ort.InferenceSession(model(text).SerializeToString())
    names = [o.name for o in model(text).graph.output]
    return lambda arrays: dict(zip(names, session.run(names, dict(arrays)), strict=True))


@functools.cache
def measure(text: str) -> Yardstick:
    truth = Truth(model(text)).run

    def floor(arrays: dict) -> dict:
        return measure_outputs(
            truth(arrays), [run for _, _, run in floor_runs(model(text), {"": arrays})]
        )

    return Yardstick(truth, floor)


def held(trial: Trial, run: Run, by: Yardstick) -> Finding:
    """Everything is run anew, in the order of the feeds."""
    return judge(trial, [run(feed) for feed in trial.feeds], by)


def held_again(run: Run, sets: list[InputSet], by: Yardstick) -> list[Finding]:
    """Every set run, then every set again."""
    first = [dict(run(one.arrays)) for one in sets]
    return [
        judge(second_run(one), [before, run(one.arrays)], by)
        for one, before in zip(sets, first, strict=True)
    ]


def axes(text: str) -> dict[str, int]:
    return batch_axes(signature_of(ir.from_proto(model(text))))


def given(rows: int = 4, seed: int = 0, shape: tuple = (32,)) -> InputSet:
    x = RNG(seed).standard_normal((rows, *shape)).astype(np.float32)
    return InputSet(f"{rows} rows", {"x": x})


def altered(text: str, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Run:
    """A runner whose output y is change(x, y)."""
    return lambda arrays: {"y": change(arrays["x"], runner(text)(arrays)["y"])}


# --- faithful ---------------------------------------------------------------------------------


def test_a_faithful_runner_holds() -> None:
    for finding in held_again(runner(MLP), [given(), given(2)], measure(MLP)):
        assert finding.outcome is Outcome.EQUAL
    for check in (identical_rows, rows_alone):
        finding = held(check(given(), axes(MLP)), runner(MLP), measure(MLP))
        assert finding.outcome in (Outcome.EQUAL, Outcome.ROUNDING), finding


def test_what_only_rounds_otherwise_holds_and_shows_its_evidence() -> None:
    def last_bit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.nextafter(y, np.float32(np.inf)) if len(x) > 1 else y

    finding = held(rows_alone(given(), axes(MLP)), altered(MLP, last_bit), measure(MLP))
    assert finding.outcome is Outcome.ROUNDING
    assert finding.passes
    assert 22 < finding.outputs[0].effective_bits <= 24


# --- at fault ---------------------------------------------------------------------------------


def mixed_up(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.roll(y, 1, axis=0)


def one_row_off(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    z = y.copy()
    if len(z) > 1:
        z[-1] *= np.float32(1 + 1e-4)
    return z


def scaled_by_the_whole(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As a dynamic quantisation, which takes one range for all rows."""
    step = np.abs(y).max() / 127
    return (np.rint(y / step) * step).astype(np.float32)


def by_place(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y + np.float32(1e-3) * np.arange(len(y), dtype=np.float32)[:, None]


@pytest.mark.parametrize("fault", [mixed_up, one_row_off, scaled_by_the_whole, by_place])
def test_rows_that_are_not_what_they_are_alone(fault: Callable) -> None:
    finding = held(rows_alone(given(), axes(MLP)), altered(MLP, fault), measure(MLP))
    assert finding.outcome is Outcome.DIFFERENT
    assert not finding.passes
    assert "'y'" in finding.reason


@pytest.mark.parametrize("fault", [one_row_off, by_place])
def test_identical_rows_that_disagree(fault: Callable) -> None:
    finding = held(identical_rows(given(), axes(MLP)), altered(MLP, fault), measure(MLP))
    assert finding.outcome is Outcome.DIFFERENT
    assert "axis 0" in finding.reason


def test_state_and_chance_show_in_the_second_run() -> None:
    kept = [np.zeros(16, np.float32)]

    def stateful(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        before, kept[0] = kept[0], y[-1]
        return y + np.float32(1e-3) * before

    sets = [given(3), given(2, seed=1)]
    findings = held_again(altered(MLP, stateful), sets, measure(MLP))
    assert not findings[0].passes
    rng = RNG(0)

    def random(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return y * (1 + np.float32(1e-4) * rng.standard_normal(y.shape).astype(np.float32))

    assert not any(f.passes for f in held_again(altered(MLP, random), sets, measure(MLP)))


def test_outputs_that_come_and_go_are_no_agreement() -> None:
    runs = iter([{"y": np.zeros((4, 16), np.float32)}, {}])
    (finding,) = held_again(lambda arrays: next(runs), [given()], measure(MLP))
    assert not finding.passes
    assert "missing" in finding.reason
    runs = iter([{"z": np.zeros(3, np.float32)}, {"z": np.ones(3, np.float32)}])
    with pytest.raises(ParityFailed, match="outputs that the model has not: \\['z'\\]"):
        held_again(lambda arrays: next(runs), [given()], measure(MLP))


# --- by design, and without rows --------------------------------------------------------------


@pytest.mark.parametrize("text", [BATCH_NORM, OVER_BATCH])
def test_rows_that_act_upon_each_other_by_design_are_not_blamed(text: str) -> None:
    finding = held(rows_alone(given(), axes(text)), runner(text), measure(text))
    assert finding.outcome is Outcome.BY_DESIGN
    assert finding.passes
    assert "rows act upon each other in y" in finding.reason
    identical = held(identical_rows(given(), axes(text)), altered(text, by_place), measure(text))
    assert identical.outcome is Outcome.DIFFERENT  # by design they act alike upon copies


def test_the_batch_is_found_on_another_axis_and_outputs_without_rows_are_left_out() -> None:
    assert axes(RECURRENT) == {"x": 1}
    x = RNG(2).standard_normal((7, 3, 32)).astype(np.float32)
    one = InputSet("3 rows", {"x": x})
    finding = held(rows_alone(one, axes(RECURRENT)), runner(RECURRENT), measure(RECURRENT))
    assert finding.passes
    assert finding.outcome is not Outcome.NOT_APPLICABLE

    def mixed(arrays: dict) -> dict:
        outputs = runner(RECURRENT)(arrays)
        return {**outputs, "y": np.roll(outputs["y"], 1, axis=2)}

    assert not held(rows_alone(one, axes(RECURRENT)), mixed, measure(RECURRENT)).passes


def test_without_a_batch_there_is_nothing_to_hold() -> None:
    for axes_, rows in (({}, 4), ({"x": 0}, 1)):
        finding = held(rows_alone(given(rows), axes_), runner(MLP), measure(MLP))
        assert finding.outcome is Outcome.NOT_APPLICABLE
    finding = held(identical_rows(given(), {}), runner(MLP), measure(MLP))
    assert finding.outcome is Outcome.NOT_APPLICABLE


def test_of_a_long_batch_a_few_rows_are_run_alone() -> None:
    trial = rows_alone(given(64), axes(MLP))
    assert len(trial.feeds) == 1 + ROWS
    assert held(trial, runner(MLP), measure(MLP)).passes

    def last_row(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.concatenate([y[:-1], y[-1:] * 2]) if len(y) > 1 else y

    assert not held(trial, altered(MLP, last_row), measure(MLP)).passes


def test_rows_that_cannot_be_run_alone_are_blamed_only_where_the_model_can() -> None:
    trial = rows_alone(given(), axes(MLP))
    refused = InvalidModel("the batch is baked in")
    finding = not_run(trial, refused, measure(MLP))
    assert (finding.outcome, finding.passes) == (Outcome.FAILED, False)
    assert finding.reason == "the batch is baked in"
    baked = MLP.replace(
        "a = Tanh(h)", "four = Constant<value = int64[2] {4, 24}>() a = Reshape(h, four)"
    )
    finding = not_run(trial, refused, measure(baked))
    assert (finding.outcome, finding.passes) == (Outcome.NOT_APPLICABLE, True)
    assert "the model cannot be evaluated so" in finding.reason


# --- builds -----------------------------------------------------------------------------------


def test_an_artifact_built_again(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name / "weights").mkdir(parents=True)
        (tmp_path / name / "weights" / "w").write_bytes(b"c" if name == "c" else b"same")
    a, b, c = (tmp_path / name for name in "abc")
    finding = of_one_digest(a, b)
    assert finding is not None
    assert finding.outcome is Outcome.EQUAL
    assert digest(a) in finding.reason
    assert of_one_digest(a, c) is None
    arrays = given().arrays
    for second, outcome in (
        (runner(MLP), Outcome.EQUAL),
        (altered(MLP, by_place), Outcome.DIFFERENT),
    ):
        found = agree(REBUILT, "4 rows", arrays, runner(MLP)(arrays), second(arrays), measure(MLP))
        assert found.outcome is outcome


def test_a_digest_tells_names_contents_and_places_apart(tmp_path: Path) -> None:
    layouts = [
        {"a": "1", "b": "2"},
        {"a": "2", "b": "1"},
        {"a": "12", "b": ""},
        {"a": "1", "c": "2"},
    ]
    found = set()
    for number, files in enumerate(layouts):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        found.add(digest(folder))
    assert len(found) == len(layouts)
