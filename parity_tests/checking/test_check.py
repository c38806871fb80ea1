"""`interop check`: what is faithful passes, and each planted fault costs its own row, with its reason."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from small import WEIGHT, by_label, network, noisy

import interop
from interop.checks import drawn
from interop.errors import OutputError, UnsupportedOperator, UsageError


def test_faithful_backends(model):
    check = interop.check(model, on="onnxruntime:cpu,reference,openvino:cpu")
    assert check.passed
    assert check.exit_code == 0
    assert [row["kind"] for row in check.rows] == ["source", "backend", "backend", "backend"]
    for row in check.rows:
        assert (row["grade"], row["passes"]) == ("A", True)
        assert row["effective_bits"] > 22
        assert len(row["comparisons"]) == 4  # one output on four sets of inputs
    assert by_label(check)["onnxruntime:cpu"]["placement"] == {"CPUExecutionProvider": 2}
    assert json.loads(json.dumps(check.document)) == check.document


@pytest.mark.parametrize(
    ("fault", "verdict", "reason"),
    [
        ("nudged", "reduced precision", "times what rounding does"),
        ("row", "divergent", "times what rounding does"),
        ("nan", "not comparable", "NaN or infinite on one side only"),
        ("missing", "not comparable", "the output is missing"),
        ("extra", "not comparable", "the reference has no such output"),
        ("double", "not comparable", "dtype is float64, should be float32"),
    ],
)
def test_a_backend_that_computes_something_else(fault, verdict, reason, model, stubs):
    check = interop.check(model, on=f"stub:{fault},stub:none")
    faulty = by_label(check)[f"stub:{fault}"]
    assert (faulty["verdict"], faulty["passes"]) == (verdict, False)
    assert reason in faulty["reason"]
    assert faulty["against"] == "the float64 truth"
    assert by_label(check)["stub:none"]["grade"] == "A"
    assert check.exit_code == 3


def test_an_operator_that_a_backend_lacks(tmp_path):
    """ONNX Runtime has no kernel for RandomNormalLike of opset 22, and the row says so."""
    check = interop.check(noisy(tmp_path / "noisy.onnx"), on="ort,reference")
    row = by_label(check)["onnxruntime:cpu"]
    assert row["error"]["kind"] == "UnsupportedOperator"
    assert "RandomNormalLike(22)" in row["error"]["detail"]
    assert by_label(check)["reference:cpu"]["passes"]
    assert check.exit_code == 4


@pytest.mark.parametrize(
    ("fault", "kind", "message", "exit_code"),
    [
        ("refusing", "UnsupportedOperator", "the stub has no Tanh", 4),
        ("crashing", "WorkerCrashed", "was killed by SIGABRT in run", 7),
        ("failing", "WorkerCrashed", "ZeroDivisionError: planted", 7),
        ("hanging", "WorkerTimedOut", "did not finish run within 12 s", 8),
    ],
)
def test_a_backend_that_does_not_run(fault, kind, message, exit_code, model, stubs):
    """It costs its own row, wherever it stands, and the exit code is its own."""
    check = interop.check(model, on=f"stub:{fault},stub:none", timeout=12.0)
    row = by_label(check)[f"stub:{fault}"]
    assert row["error"]["kind"] == kind
    assert message in row["error"]["message"]
    assert row["error"]["hint"]
    assert not row["passes"]
    assert by_label(check)["stub:none"]["grade"] == "A"
    assert check.exit_code == exit_code


def test_another_function_outweighs_a_crash(model, stubs):
    assert interop.check(model, on="stub:crashing,stub:row").exit_code == 3


def test_what_the_machine_lacks_is_a_row(model, monkeypatch):
    from interop.backends import runner
    from interop.doctor import Gpu

    nothing = Gpu((), None, "no NVIDIA driver is installed")
    monkeypatch.setattr(runner, "find_gpu", lambda: nothing)
    check = interop.check(model, on="ort:cuda,ort")
    row = by_label(check)["onnxruntime:cuda"]
    assert row["error"]["kind"] == "EnvironmentUnavailable"
    assert "no NVIDIA driver" in row["sentence"]
    assert by_label(check)["onnxruntime:cpu"]["passes"]
    assert check.exit_code == 6


def test_two_artifacts(model, tmp_path):
    """By name; else by position, which is said; else not at all. The other is held to the first, too."""
    same = network(tmp_path / "same.onnx")
    check = interop.check(model, same)
    assert check.passed
    assert {one["against"] for one in check.rows[1]["comparisons"]} == {
        "the float64 truth",
        f"{model} itself",
    }
    renamed = network(tmp_path / "renamed.onnx", output="result", names=("data",))
    check = interop.check(model, renamed)
    assert check.passed
    assert any("by their position: y is result" in note for note in check.rows[1]["notes"])
    other = network(tmp_path / "other.onnx", last="Sigmoid")
    check = interop.check(model, other)
    assert check.exit_code == 3
    assert [row["passes"] for row in check.rows] == [True, False]


def test_artifacts_that_cannot_be_paired(model, tmp_path):
    more = helper.make_node("Relu", ["z"], ["r"])
    two = network(tmp_path / "two.onnx", extra=("r",), more=(more,))
    with pytest.raises(UsageError) as error:
        interop.check(model, two)
    assert "the outputs of" in error.value.message
    assert "the model has y:float32[n,4]" in error.value.message
    assert "has y:float32[n,4], r:float32[n,4]" in error.value.message


def test_outputs_that_changed_places(tmp_path):
    """Two of one type: names pair them, so an exchange is a fault and not a matter of order."""
    relu = helper.make_node("Relu", ["z"], ["r"])
    first = network(tmp_path / "first.onnx", extra=("r",), more=(relu,))
    moved = network(tmp_path / "moved.onnx", last="Relu", output="r", extra=("y",),
                    more=(helper.make_node("Tanh", ["z"], ["y"]),))  # fmt: skip
    assert interop.check(first, moved).passed
    wrong = network(tmp_path / "wrong.onnx", last="Relu", output="y", extra=("r",),
                    more=(helper.make_node("Tanh", ["z"], ["r"]),))  # fmt: skip
    assert interop.check(first, wrong).exit_code == 3


@pytest.mark.timeout(600)
def test_a_converted_folder(tmp_path):
    """It knows what its tensors were called where it came from, and keeps to its own layout."""
    here = network(tmp_path / "model.onnx", output="out/y:0", names=("in/x:0",))
    done = interop.convert(here, target="jax", output=tmp_path / "jax")
    assert done.passed
    check = interop.check(here, str(tmp_path / "jax"), on="jax:cpu")
    assert check.passed
    assert [row["framework"] for row in check.rows] == ["onnx", "jax", "jax"]
    assert not check.rows[1]["notes"]
    wrong = network(tmp_path / "wrong.onnx", "Sigmoid", output="out/y:0", names=("in/x:0",))
    check = interop.check(wrong, str(tmp_path / "jax"))
    assert [row["passes"] for row in check.rows] == [True, False]
    assert check.exit_code == 3


def tanh_of(x):
    return np.tanh(x.astype(np.float64) @ WEIGHT).astype(np.float32)


def record(folder, form, outputs):
    """Two sets (one, for .npy) of inputs, and what `outputs` makes of them, in one of the forms."""
    sets = [
        np.random.default_rng(i).standard_normal((i + 2, 6)).astype(np.float32) for i in range(2)
    ]
    folder.mkdir()
    if form == "npy":
        np.save(folder / "inputs.npy", sets[0])
        np.save(folder / "outputs.npy", outputs(sets[0])["y"])
        return str(folder)
    if form == "npz":
        np.savez(folder / "inputs.npz", **{f"{i}/x": x for i, x in enumerate(sets)})
        named = {f"{i}/{n}": y for i, x in enumerate(sets) for n, y in outputs(x).items()}
        np.savez(folder / "outputs.npz", **named)
        return str(folder)
    for i, x in enumerate(sets):
        inside = folder / f"test_data_set_{i}"
        inside.mkdir()
        for what, arrays in (("input", [x]), ("output", outputs(x).values())):
            for j, array in enumerate(arrays):
                (inside / f"{what}_{j}.pb").write_bytes(
                    numpy_helper.from_array(array).SerializeToString()
                )
    return str(folder)


@pytest.mark.parametrize("form", ["npy", "npz", "pb"])
def test_recorded_outputs(form, model, tmp_path):
    """NumPy's own are good; one element that is 1 % off fails, for the record and who agrees not."""
    good = record(tmp_path / "good", form, lambda x: {"y": tanh_of(x)})
    check = interop.check(model, against=good, on="ort")
    assert check.passed
    assert [row["kind"] for row in check.rows] == ["source", "recorded", "backend"]
    assert len(check.document["inputs"]) == (1 if form == "npy" else 2)
    assert any(one["against"] == good for one in check.rows[2]["comparisons"])

    def spoilt(x):
        y = tanh_of(x)
        y[1, 2] *= np.float32(1.01)
        return {"y": y}

    bad = record(tmp_path / "bad", form, spoilt)
    check = interop.check(model, against=bad, on="ort")
    assert check.exit_code == 3
    assert [row["passes"] for row in check.rows] == [True, False, False]
    assert check.rows[2]["against"] == bad


@pytest.mark.parametrize("form", ["npz", "pb"])
def test_recorded_outputs_that_miss_one(form, tmp_path):
    relu = helper.make_node("Relu", ["z"], ["r"])
    two = network(tmp_path / "two.onnx", extra=("r",), more=(relu,))
    folder = record(tmp_path / "one", form, lambda x: {"y": tanh_of(x)})
    with pytest.raises(UsageError, match="recorded outputs missing: r, unknown: none"):
        interop.check(two, against=folder)


def test_recorded_outputs_that_are_unknown(model, tmp_path):
    folder = record(tmp_path / "more", "pb", lambda x: {"y": tanh_of(x), "z": tanh_of(x)})
    with pytest.raises(UsageError, match=r"missing: none, unknown: output_1\.pb"):
        interop.check(model, against=folder)
    with pytest.raises(UsageError, match="there is no folder"):
        interop.check(model, against=tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no recorded inputs"):
        interop.check(model, against=tmp_path / "empty")


def test_nan_in_the_users_data(model, tmp_path):
    """Refused, saying where; with an explicit word it goes through, and NaN has to stay NaN."""
    x = np.ones((3, 6), np.float32)
    x[1, 4] = np.nan
    np.savez(tmp_path / "data.npz", x=x)
    with pytest.raises(UsageError, match=r"'x' holds 1 elements .* the first at \(1, 4\)"):
        interop.check(model, on="ort", data=tmp_path / "data.npz")
    check = interop.check(model, on="ort,reference", data=tmp_path / "data.npz", non_finite=True)
    assert check.passed
    np.savez(tmp_path / "empty.npz", x=np.ones((0, 6), np.float32))
    with pytest.raises(UsageError, match="no elements"):
        interop.check(model, on="ort", data=tmp_path / "empty.npz")


def test_an_output_without_elements(tmp_path):
    """There is nothing to compare: that is no pass."""
    cut = [helper.make_node("Slice", ["z", "from", "to"], ["cut"])]
    proto = onnx.load(network(tmp_path / "model.onnx", extra=("cut",), more=cut))
    proto.graph.initializer.extend(
        numpy_helper.from_array(np.array([0]), n) for n in ("from", "to")
    )
    proto.graph.output[1].type.tensor_type.shape.dim[0].dim_param = "m"
    onnx.save(proto, tmp_path / "model.onnx")
    check = interop.check(str(tmp_path / "model.onnx"), on="ort")
    assert check.exit_code == 3
    assert all("no elements" in row["reason"] for row in check.rows)
    assert all(row["output"] == "cut" for row in check.rows)


def test_a_model_that_draws(tmp_path):
    """Its distribution is what is compared; another scale or mean is another distribution."""
    one, data = noisy(tmp_path / "one.onnx"), tmp_path / "data.npz"
    np.savez(data, x=np.random.default_rng(1).standard_normal((25, 6)).astype(np.float32))
    check = interop.check(one, noisy(tmp_path / "same.onnx"), on="reference", data=data)
    assert [row["verdict"] for row in check.rows[1:]] == ["same distribution"] * 2
    assert check.passed
    assert "RandomNormalLike" in check.document["random_nodes"][0]
    faults = [noisy(tmp_path / "wide.onnx", scale=1.3), noisy(tmp_path / "moved.onnx", mean=0.2)]
    wrong = interop.check(one, *faults, data=data)
    assert [row["verdict"] for row in wrong.rows[1:]] == ["another distribution"] * 2
    assert [row["output"] for row in wrong.rows[1:]] == ["sum"] * 2
    assert wrong.exit_code == 3
    folder = record(tmp_path / "recorded", "npz", lambda x: {"y": tanh_of(x)})
    with pytest.raises(UsageError, match="draws random numbers: what was recorded"):
        interop.check(one, against=folder)


def test_p_values_are_uniform():
    """Of equal distributions one in five has a p-value below a fifth, however its elements cling."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(60):
        sides = [
            rng.standard_normal((16, 1)) + 0.1 * rng.standard_normal((16, 8)) for _ in range(2)
        ]
        values.append(drawn._exchanged(*sides, rng)[1])
    assert 0.08 < np.mean(np.array(values) < 0.2) < 0.35


def test_the_record_is_written_whole_or_not(model, tmp_path):
    path = tmp_path / "record.json"
    check = interop.check(model, on="ort", output=path)
    assert json.loads(path.read_text("utf-8")) == check.document
    with pytest.raises(OutputError, match="exists already"):
        interop.check(model, on="ort", output=path)
    with pytest.raises(OutputError, match="there is no folder"):
        interop.check(model, on="ort", output=tmp_path / "no" / "record.json")
    with pytest.raises(UsageError, match="there is nothing to check"):
        interop.check(model, output=tmp_path / "other.json")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.onnx", "record.json"]


def test_a_node_that_the_truth_lacks(tmp_path):
    """Without a truth there is no check: the node is named, and nothing is written."""
    path = tmp_path / "model.onnx"
    onnx.save(onnx.load(network(path, last="Bernoulli")), path)
    check = interop.check(str(path), on="ort")
    assert check.document["random_nodes"]
    unknown = onnx.load(network(path))
    unknown.graph.node[1].op_type = "Tahn"
    onnx.save(unknown, path)
    with pytest.raises(UnsupportedOperator, match="Tahn"):
        interop.check(str(path), on="ort", output=tmp_path / "record.json")
    assert not (tmp_path / "record.json").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_framework_s_own_model(tmp_path):
    """Out of torch: every backend is held to the torch model itself, too."""
    check = interop.check("dlrm", on=["onnxruntime:cpu", "torch:cpu", "tensorflow:cpu"])
    assert check.passed
    for row in check.rows[1:]:
        assert {one["against"] for one in row["comparisons"]} == {
            "the float64 truth",
            "dlrm itself",
        }
        assert row["seconds"]["ready"] > 0
        assert row["peak_memory_bytes"] > 10_000_000


def test_wide_inputs_find_what_the_usual_ones_do_not(tmp_path):
    """A bound of 40 that the one has and the other not: the usual inputs stay below it."""
    bounded = network(tmp_path / "bounded.onnx", last="Relu", output="r",
                      extra=("y",), more=[helper.make_node("Clip", ["r", "", "high"], ["y"])])  # fmt: skip
    proto = onnx.load(bounded)
    proto.graph.initializer.append(numpy_helper.from_array(np.float32(40), "high"))
    proto.graph.output.remove(proto.graph.output[0])
    onnx.save(proto, bounded)
    free = network(tmp_path / "free.onnx", last="Relu")
    assert interop.check(bounded, free).passed
    check = interop.check(bounded, free, wide=True)
    assert not check.passed
    assert "thresholds" in check.rows[1]["inputs"]
    assert check.document["wide"]["missed"] == []
    assert check.document["wide"]["thresholds"] == 3
    assert interop.check(bounded, on="onnxruntime:cpu", wide=True).passed
    with pytest.raises(UsageError, match="--wide makes inputs up"):
        interop.check(bounded, free, wide=True, data=tmp_path / "x.npz")
