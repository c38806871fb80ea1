"""The figures beside the verdict: each has a fault that it sees, and a faithful run that it passes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.errors import UnsupportedOperator, UsageError
from interop.parity import (
    Truth,
    Verdict,
    classification,
    compare,
    compare_outputs,
    continuations,
    measure_noise,
    measure_outputs,
    random_nodes,
)
from interop.parity.verdict.figures import correlation, figures, ulps
from interop.parity.verdict.ranks import spearman, top_k
from interop.parity.verdict.tasks import scores

RNG = np.random.default_rng
Array = np.ndarray

TRUTH = RNG(0).standard_normal((40, 12))
FAITHFUL = TRUTH * (1 + 1e-7 * RNG(1).standard_normal(TRUTH.shape))


def of(candidate: Array, tie: float = 0.0):
    return figures(TRUTH, candidate, candidate - TRUTH, tie)


def test_a_faithful_run_has_perfect_figures() -> None:
    good = of(FAITHFUL)
    assert good.max_abs < 1e-6
    assert good.max_rel < 1e-6
    assert good.snr_db > 130
    assert good.correlation > 1 - 1e-12
    assert good.rank == 1
    assert good.top1 == good.top5 == good.top1_weighted == good.top5_weighted == 1
    assert good.ulps.median < 4


FAULTS = {
    "one element": (lambda a: put(a, (3, 4), 7.0), "max_abs", lambda v: v > 4),
    "a small element doubled": (lambda a: put(a, least(a), 2 * a[least(a)]), "max_rel", lambda v: v > 0.99),
    "scaled": (lambda a: a * 1.01, "snr_db", lambda v: 39.9 < v < 40.1),
    "noise": (lambda a: a + RNG(2).standard_normal(a.shape), "correlation", lambda v: v < 0.8),
    "classes shuffled": (lambda a: a[:, ::-1], "rank", lambda v: v < 0.3),
    "winner lost": (lambda a: put(a, (5, int(a[5].argmax())), -9.0), "top1", lambda v: v == 39 / 40),
    "winner lost, by margin": (lambda a: put(a, (5, int(a[5].argmax())), -9.0), "top1_weighted", lambda v: v < 1),
    "five lost": (lambda a: -a, "top5", lambda v: v < 0.2),
    "five lost, by margin": (lambda a: -a, "top5_weighted", lambda v: v < 0.2),
}  # fmt: skip


def put(a: Array, where: tuple, value: float) -> Array:
    b = a.copy()
    b[where] = value
    return b


def least(a: Array) -> tuple:
    return np.unravel_index(int(np.abs(a).argmin()), a.shape)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_figure_sees_its_fault(fault: str) -> None:
    plant, figure, seen = FAULTS[fault]
    assert seen(getattr(of(plant(TRUTH)), figure)), getattr(of(plant(TRUTH)), figure)
    assert not seen(getattr(of(FAITHFUL), figure))


def test_correlation_is_numpys_and_an_offset_hides_nothing() -> None:
    other = TRUTH + RNG(3).standard_normal(TRUTH.shape)
    expected = np.corrcoef(TRUTH.ravel(), other.ravel())[0, 1]
    assert correlation(TRUTH, other) == pytest.approx(expected, abs=1e-12)
    assert correlation(TRUTH + 1e4, other + 1e4) == pytest.approx(expected, abs=1e-6)
    assert correlation(np.ones(3), TRUTH[0, :3]) is None


def test_ranks_of_equal_values_are_shared() -> None:
    """Worked by hand: ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4 correlate by 4.5 / sqrt(4.5 * 5)."""
    value = spearman(np.array([[1.0, 2, 2, 3]]), np.array([[10.0, 30, 20, 40]]))
    assert value == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    assert spearman(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == -1
    assert spearman(np.ones((2, 4)), np.ones((2, 4))) is None
    assert spearman(np.array([1.0, 2, 3]), np.ones(3)) == 0


def test_a_flip_that_rounding_cannot_tell_apart_is_no_flip() -> None:
    true = np.array([[1.0, 1.0 + 1e-7, 0.0], [5.0, 1.0, 0.0]])
    flipped = np.array([[1.0 + 1e-7, 1.0, 0.0], [5.0, 1.0, 0.0]])
    assert top_k(true, flipped, 1, tie=0.0).share == 0.5
    assert top_k(true, flipped, 1, tie=1e-6).share == 1
    assert top_k(true, flipped, 1, tie=1e-6).weighted == 1
    wide = np.array([[1.0, 1.0 + 1e-7, 0.0], [1.0, 5.0, 0.0]])
    assert top_k(true, wide, 1, tie=1e-6).share == 0.5
    assert top_k(true, wide, 1, tie=1e-6).weighted == 0  # the tie has no weight
    assert top_k(true, true, 3, 0.0) is None


def test_ulps_are_counted_by_powers_of_two() -> None:
    truth = np.array([1.0, 1.0, 1.0, 3.0])
    unit = 2.0**-23
    found = ulps(truth, np.array([0.25, 1.0, 3.0, 2.0]) * unit)
    assert (found.max, found.median) == (3.0, 1.0)
    assert found.histogram == ((0.5, 1), (1.0, 2), (4.0, 1))  # 3 has a unit twice as large
    rounded = TRUTH.astype(np.float32)
    assert ulps(TRUTH, rounded - TRUTH).max <= 0.5
    assert ulps(TRUTH, TRUTH.astype(np.float16) - TRUTH).median > 500
    assert math.isinf(ulps(truth, truth * 100).histogram[-1][0])
    assert ulps(np.zeros(2), np.zeros(2)).max == 0


# --- tasks ------------------------------------------------------------------------------------


def test_accuracy_and_f1() -> None:
    """Against the definition: precision and recall of each class, by hand."""
    labels, predicted = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    found = scores(labels, predicted)
    assert found.accuracy == 0.6
    assert found.f1 == pytest.approx((0.5 + 0.8 + 0.0) / 3)


def test_task_figures_say_whether_ties_explain_the_difference() -> None:
    labels = TRUTH.argmax(axis=1)
    same = classification(labels, TRUTH, FAITHFUL)
    assert (same.flips, same.explained) == (0, True)
    assert same.source == same.artifact
    source = put(TRUTH, (7, 0), TRUTH[7].max() + 1e-7)
    source[7, 1] = source[7, 0] - 1e-8
    flipped = source.copy()
    flipped[7, :2] = source[7, 1::-1]
    tied = classification(labels, source, flipped, tie=1e-6)
    assert (tied.flips, tied.ties, tied.explained) == (1, 1, True)
    wrong = classification(labels, TRUTH, TRUTH[:, ::-1], tie=1e-6)
    assert not wrong.explained
    assert wrong.artifact.accuracy < 0.5 < wrong.source.accuracy == 1
    with pytest.raises(UsageError, match="do not go with"):
        classification(labels[:3], TRUTH, TRUTH)


def test_sequences_of_tokens() -> None:
    source = [np.array([5, 6, 7, 8]), np.array([1, 2]), np.array([3])]
    artifact = [np.array([5, 6, 9, 8]), np.array([1, 2]), np.array([3, 4])]
    differs, same, longer = continuations(source, artifact)
    assert (differs.first, differs.source, differs.artifact, differs.common_prefix) == (2, 7, 9, 2)
    assert (same.first, same.common_prefix) == (None, 2)
    assert (longer.first, longer.source, longer.artifact) == (1, None, 4)
    with pytest.raises(UsageError, match="paired"):
        continuations(source, artifact[:1])


# --- uncertainty and evidence -----------------------------------------------------------------


def runs_of(truth: Array, size: float, count: int) -> list[Array]:
    return [
        (truth + size * RNG(k).standard_normal(truth.shape)).astype(np.float32)
        for k in range(count)
    ]


def test_the_interval_holds_the_bits_and_narrows_with_runs() -> None:
    small = TRUTH[:2, :6]
    candidate = (small + 2e-5 * RNG(99).standard_normal(small.shape)).astype(np.float32)
    widths, inside = [], 0
    exact = compare("y", small, candidate, measure_noise(small, runs_of(small, 1e-6, 60)))
    for count in (3, 30):
        parity = compare("y", small, candidate, measure_noise(small, runs_of(small, 1e-6, count)))
        low, high = parity.interval
        assert low <= parity.effective_bits <= high
        inside += low - 1 <= exact.effective_bits <= high + 1
        widths.append(high - low)
    assert inside == 2
    assert widths[0] > 1.5 * widths[1] > 0
    spread = measure_noise(small, runs_of(small, 1e-6, 5)).spread
    assert spread[0] < 1 < spread[1]


def test_an_unstable_output_names_what_rounding_moves() -> None:
    truth = np.array([3, 5, 7])
    noise = measure_noise(truth, [truth, np.array([3, 5, 9])])
    (moved,) = compare("y", truth, np.array([3, 5, 8]), noise).moved
    assert (moved.index, moved.true, moved.low, moved.high, moved.given) == ((2,), 7, 7, 9, 8)
    assert measure_noise(truth, [truth, truth]).moved == ()
    shaky = [
        np.where(np.arange(12) == 5, run, TRUTH).astype(np.float32) for run in runs_of(TRUTH, 9, 5)
    ]
    parity = compare("y", TRUTH, shaky[0], measure_noise(TRUTH, shaky[1:]))
    assert parity.verdict is Verdict.UNSTABLE
    assert {one.index[1] for one in parity.moved} == {5}
    assert parity.moved[0].high - parity.moved[0].low > 9


# --- what cannot be compared plainly ----------------------------------------------------------


def graph(nodes, outputs, weights=()):
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 300])],
        outputs,
        list(weights),
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def test_a_random_model_is_said_to_be_one() -> None:
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 300])
    model = graph([helper.make_node("RandomNormalLike", ["x"], ["y"], name="dice")], [out])
    assert [node.name for node in random_nodes(model)] == ["dice"]
    with pytest.raises(UnsupportedOperator, match=r"dice.*random"):
        Truth(model)
    plain = graph([helper.make_node("Dropout", ["x", "", "off"], ["y"])], [out],
                  [numpy_helper.from_array(np.array(False), "off")])  # fmt: skip
    assert random_nodes(plain) == ()
    np.testing.assert_array_equal(Truth(plain).run({"x": np.ones((2, 300), np.float32)})["y"], 1)


def test_sequences_are_compared_element_by_element() -> None:
    split = helper.make_node("SplitToSequence", ["x"], ["y"], axis=0)
    out = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    x = RNG(0).standard_normal((2, 300)).astype(np.float32)
    truth = Truth(graph([split], [out])).run({"x": x})
    assert [one.dtype for one in truth["y"]] == [np.float64] * 2
    runs = [{"y": [x[:1], x[1:] + 1e-7 * k]} for k in range(3)]
    noise = measure_outputs(truth, runs)
    assert set(noise) == {"y[0]", "y[1]"}
    good = compare_outputs(truth, {"y": [x[:1], x[1:]]}, noise)
    assert [p.verdict.passes for p in good] == [True, True]
    swapped = compare_outputs(truth, {"y": [x[1:], x[:1]]}, noise)
    assert [p.verdict.passes for p in swapped] == [False, False]
    short = compare_outputs(truth, {"y": [x[:1]]}, noise)
    assert short[1].reason == "the output is missing"
    long = compare_outputs(truth, {"y": [x[:1], x[1:], x[:1]]}, noise)
    assert "no such output" in long[2].reason


def test_nan_in_the_users_data_is_said() -> None:
    nan = np.full((4, 5), np.nan)
    noise = measure_noise(nan, [nan.astype(np.float32)] * 3)
    parity = compare("y", nan, nan.astype(np.float32), noise)
    assert "look for NaN in the inputs" in parity.reason
    some_numbers = put(nan, (1, 1), 0.5).astype(np.float32)
    assert compare("y", nan, some_numbers, noise).verdict is Verdict.NOT_COMPARABLE
    some = put(TRUTH, (0, 0), np.nan)
    runs = [run.astype(np.float32) for run in runs_of(some, 1e-6, 4)]
    assert compare("y", some, runs[0], measure_noise(some, runs[1:])).verdict is Verdict.FAITHFUL
