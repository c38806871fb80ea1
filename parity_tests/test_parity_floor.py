"""The noise floor: perturbations of the stated size, settings left alone, and what it flags."""

from __future__ import annotations

import tracemalloc

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.errors import InvalidModel, ParityFailed
from interop.parity.floor.noise import measure_noise
from interop.parity.floor.rounding import perturb
from interop.parity.floor.runs import floor_runs, perturbable
from interop.parity.floor.session import Session
from interop.parity.truth.evaluator import Truth
from interop.parity.verdict.compare import Verdict, compare

RNG = np.random.default_rng


def test_perturbation_is_half_an_ulp_in_rms_without_bias() -> None:
    array = RNG(0).standard_normal(400_000).astype(np.float32)
    noisy = perturb(array, RNG(1))
    moved = (noisy.astype(np.float64) - array) / np.spacing(np.abs(array)).astype(np.float64)
    assert noisy.dtype == np.float32
    assert np.sqrt(np.mean(moved**2)) == pytest.approx(0.5, rel=0.02)
    assert abs(np.mean(moved)) < 0.005
    assert np.max(np.abs(moved)) <= 1


def test_what_is_exact_is_not_perturbed() -> None:
    exact = np.array([0, 1, -2, 1000, np.inf, np.nan] * 50, dtype=np.float32)
    np.testing.assert_array_equal(perturb(exact, RNG(0)), exact)
    for dtype in (np.int64, np.bool_):
        array = np.ones(100, dtype=dtype)
        assert perturb(array, RNG(0)) is array


def tiny(node: onnx.NodeProto, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, n) for n, a in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)


def test_settings_are_not_perturbed() -> None:
    node = helper.make_node("Clip", ["x", "low", "high"], ["y"])
    weights = {"low": np.array(-0.3, np.float32), "high": np.array(0.7, np.float32)}
    assert perturbable(tiny(node, weights)) == {}
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    assert set(perturbable(tiny(product, {"w": np.ones((8, 2), np.float32)}))) == {"w"}


def test_runs_differ_in_the_last_places_only_and_repeat_by_seed() -> None:
    weights = {"w": RNG(0).standard_normal((8, 5)).astype(np.float32)}
    model = tiny(helper.make_node("MatMul", ["x", "w"], ["y"]), weights)
    x = RNG(1).standard_normal((4, 8)).astype(np.float32)

    def runs(seed: int) -> list[np.ndarray]:
        found = list(floor_runs(model, {"a": {"x": x}}, seed=seed, runs=3, threads=1))
        assert [(run, label) for run, label, _ in found] == [(k, "a") for k in range(4)]
        return [outputs["y"] for _, _, outputs in found]

    first, again, other = runs(0), runs(0), runs(1)
    np.testing.assert_allclose(first[0], x @ weights["w"], rtol=1e-5, atol=1e-6)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[1], other[1])
    np.testing.assert_array_equal(first[0], other[0])
    for run in first[1:]:
        assert not np.array_equal(run, first[0])
        np.testing.assert_allclose(run, first[0], rtol=1e-4, atol=1e-6)


def test_a_model_that_onnxruntime_cannot_load_is_a_typed_error() -> None:
    model = tiny(helper.make_node("MatMul", ["x", "w"], ["y"]), {"w": np.ones((3, 2), np.float32)})
    with pytest.raises(InvalidModel, match="ONNX Runtime cannot"):
        list(floor_runs(model, {"a": {"x": np.ones((1, 8), np.float32)}}))


def noisy(truth: np.ndarray, size: float, count: int = 5) -> list[np.ndarray]:
    return [
        (truth + size * RNG(k).standard_normal(truth.shape)).astype(np.float32)
        for k in range(count)
    ]


def test_floor_has_the_size_of_the_noise() -> None:
    truth = RNG(9).standard_normal((20, 30))
    noise = measure_noise(truth, noisy(truth, 1e-4))
    assert noise.rms == pytest.approx(1e-4, rel=0.05)
    assert noise.max > 3e-4
    assert noise.resolution_bits == pytest.approx(np.log2(1e4), abs=0.2)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (2, 10), (4, 8, 5, 5), (2, 3, 40, 40)])
@pytest.mark.parametrize("heavy", [False, True])
def test_noise_like_the_floor_is_near_one_whatever_shape_and_tails(
    shape: tuple, heavy: bool
) -> None:
    """The calibration: another draw of the very same noise is not an outlier."""
    draw = (lambda r: r.standard_t(3, shape)) if heavy else (lambda r: r.standard_normal(shape))
    truth = RNG(9).standard_normal(shape)
    multiples = []
    for trial in range(20):
        runs = [(truth + 1e-5 * draw(RNG([trial, k]))).astype(np.float32) for k in range(6)]
        noise = measure_noise(truth, runs[1:])
        multiples.append(noise.multiple(runs[0].astype(np.float64) - truth).worst)
    assert np.median(multiples) < 1.5
    assert max(multiples) < (4 if truth.size > 4 else 8)  # of three elements little can be known


def test_one_small_channel_beside_large_ones_is_not_drowned() -> None:
    truth = RNG(9).standard_normal((6, 4, 50)) * np.array([1e3, 1e3, 1e-3, 1e3])[:, None]
    runs = [
        (truth * (1 + 1e-7 * RNG(k).standard_normal(truth.shape))).astype(np.float32)
        for k in range(5)
    ]
    noise = measure_noise(truth, runs)
    error = np.zeros_like(truth)
    error[:, 2] = 1e-4 * truth[:, 2]
    multiple = noise.multiple(error)
    assert multiple.rms_ratio < 1  # what a whole-tensor figure sees: nothing
    assert multiple.worst > 100
    error = np.zeros_like(truth)
    error[3, 2, 7] = 1e-3 * 1e-3
    assert noise.multiple(error).worst > 50


def test_an_output_that_is_all_saturated_still_has_a_floor() -> None:
    truth = np.ones((4, 8))
    noise = measure_noise(truth, [truth.astype(np.float32)] * 5)
    assert noise.multiple(np.full_like(truth, 2.0**-26)).worst <= 1
    assert noise.multiple(np.full_like(truth, 1e-5)).worst > 100
    zero = measure_noise(np.zeros((4, 8)), [np.zeros((4, 8), np.float32)] * 5)
    assert zero.multiple(np.full_like(truth, 1e-20)).worst > 1e6


def test_flips_are_recorded() -> None:
    truth = np.array([0, 1, 2, 3])
    runs = [truth, truth, np.array([0, 1, 2, 4])]
    noise = measure_noise(truth, runs)
    np.testing.assert_array_equal(noise.shaky, [False, False, False, True])
    assert noise.shaky_fraction == 0.25
    big = np.array([1.0, 3.402e38 * 1.1])
    runs = [np.array([1, np.inf], np.float32), np.array([1, 3.4e38], np.float32)] * 2
    np.testing.assert_array_equal(measure_noise(big, runs).shaky, [False, True])


def test_one_run_is_no_floor() -> None:
    with pytest.raises(ParityFailed, match="at least two"):
        measure_noise(np.ones(3), [np.ones(3, np.float32)])


def test_a_wrong_truth_is_disputed_and_not_a_large_floor() -> None:
    """Runs that agree with each other and not with the truth are no noise."""
    truth = RNG(9).standard_normal((6, 40))
    honest = measure_noise(truth, noisy(truth, 1e-6))
    assert honest.dispute < 2
    wrong = truth.copy()
    wrong[2, 3] += 0.1
    runs = noisy(truth, 1e-6)
    noise = measure_noise(wrong, runs)
    assert noise.disputed
    parity = compare("y", wrong, runs[0], noise)
    assert parity.verdict is Verdict.NOT_COMPARABLE
    assert "disagree" in parity.reason
    labels = np.array([1, 2, 3])
    assert measure_noise(labels, [np.array([1, 2, 4])] * 3).disputed
    assert not measure_noise(labels, [np.array([1, 2, 4]), labels]).disputed
    assert measure_noise(truth[:3], runs).disputed


def test_memory_is_one_copy_of_the_weights_and_does_not_grow_with_the_sets() -> None:
    """Beside the model itself, which protobuf holds where nobody counts."""
    size, count = 640, 12  # too many weights to be fused
    nodes = [helper.make_node("MatMul", [f"v{i}", f"w{i}"], [f"v{i + 1}"]) for i in range(count)]
    weights = [
        numpy_helper.from_array(RNG(i).standard_normal((size, size)).astype(np.float32), f"w{i}")
        for i in range(count)
    ]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", size])
        for n in ("v0", f"v{count}")
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

    class Sets(dict):
        """Inputs that are read when they are asked for."""

        def items(self):
            return (
                (label, {"v0": np.full((400, size), k, np.float32)}) for label, k in super().items()
            )

    def peak(sets: int) -> float:
        given = Sets({str(k): k for k in range(sets)})
        tracemalloc.start()
        for _ in floor_runs(model, given, runs=2):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most / (count * size * size * 4)

    few, many = peak(2), peak(24)
    assert few < 1.9
    assert many < few + 0.2


def test_the_floor_of_a_large_model_takes_one_session_and_is_of_the_same_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch norm after a convolution, which only the small model's sessions fuse."""
    rng = RNG(0)
    weights = {"w": rng.standard_normal((6, 3, 3, 3)).astype(np.float32)}
    weights |= {n: rng.uniform(0.5, 2, 6).astype(np.float32) for n in "sbmv"}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"]),
        helper.make_node("BatchNormalization", ["h", *"sbmv"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in "xy"]
    given = [numpy_helper.from_array(a, n) for n, a in weights.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    x = rng.standard_normal((4, 3, 20, 20)).astype(np.float32)
    truth = Truth(model).run({"x": x})["y"]
    made = []

    def counted(*given, **options):
        made.append(options)
        return Session(*given, **options)

    def floor() -> float:
        made.clear()
        runs = [outputs["y"] for _, _, outputs in floor_runs(model, {"a": {"x": x}})]
        return measure_noise(truth, runs).rms

    monkeypatch.setattr("interop.parity.floor.runs.Session", counted)
    fused = floor()
    assert len(made) == 5
    monkeypatch.setattr("interop.parity.floor.runs.FUSED", 0)
    fed = floor()
    assert len(made) == 1
    assert fed != fused
    assert 0.5 < fed / fused < 2
