"""What a side shows by itself, as part of every check: a second run, and rows of a batch."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper
from safetensors.numpy import load_file, save_file
from small import network, noisy

import interop
from interop import targets
from interop.errors import UsageError


def shown(check, label):
    """check → (outcome, passes) of one side."""
    (side,) = [one for one in check.document["unaided"] if one["label"] == label]
    return {one["check"]: (one["outcome"], one["passes"]) for one in side["findings"]}


def test_faithful_sides_agree_with_themselves(model, tmp_path):
    other = network(tmp_path / "other.onnx")
    check = interop.check(model, other, on="onnxruntime:cpu,openvino:cpu")
    assert check.passed
    sides = [one["label"] for one in check.document["unaided"]]
    assert sides == [row["label"] for row in check.rows]
    for label in sides:
        found = shown(check, label)
        assert list(found) == ["rows alone", "identical rows", "second run"]
        assert {outcome for outcome, _ in found.values()} <= {"equal", "equal to within rounding"}


@pytest.mark.parametrize(
    ("fault", "failing"), [("wearing", "second run"), ("crowded", "identical rows")]
)
def test_what_the_outputs_do_not_show(fault, failing, model, stubs):
    """Every output is right, and the check fails all the same."""
    check = interop.check(model, on=f"stub:{fault},stub:none")
    assert all(row["passes"] for row in check.rows)
    assert shown(check, f"stub:{fault}")[failing] == ("different", False)
    assert all(passes for _, passes in shown(check, "stub:none").values())
    assert check.exit_code == 3
    (evidence,) = [
        one for side in check.document["unaided"] if side["label"] == f"stub:{fault}"
        for one in side["findings"] if one["check"] == failing
    ]  # fmt: skip
    assert evidence["outputs"][0]["verdict"] in ("reduced precision", "divergent")
    assert "output 'y'" in evidence["reason"]


def test_rows_that_cannot_be_run_alone(model, stubs, tmp_path):
    x = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x)
    check = interop.check(model, on="stub:lonely,stub:none", data=tmp_path / "data.npz")
    assert all(row["passes"] for row in check.rows)
    assert shown(check, "stub:lonely")["rows alone"] == ("cannot be run", False)
    (side,) = [one for one in check.document["unaided"] if one["label"] == "stub:lonely"]
    assert "the batch is baked in" in side["reason"]
    assert check.exit_code == 3


def test_rows_that_act_upon_each_other_by_design(tmp_path):
    over = [helper.make_node("Softmax", ["z"], ["s"], axis=0)]
    crossed = network(tmp_path / "crossed.onnx", extra=("s",), more=over)
    check = interop.check(crossed, on="onnxruntime:cpu")
    assert check.passed
    assert shown(check, "onnxruntime:cpu")["rows alone"] == ("different by design", True)


def test_a_fixed_batch_has_no_rows_to_hold(tmp_path):
    import onnx

    proto = onnx.load(network(tmp_path / "fixed.onnx"))
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 2
    onnx.save(proto, tmp_path / "fixed.onnx")
    check = interop.check(str(tmp_path / "fixed.onnx"), on="onnxruntime:cpu")
    assert check.passed
    found = shown(check, "onnxruntime:cpu")
    assert found["rows alone"][0] == found["identical rows"][0] == "not applicable"
    assert found["second run"][0] == "equal"


def test_an_artifact_that_is_built_again(model, monkeypatch):
    """Faithful it is the same; where the second build has another weight, that is found."""
    check = interop.check(model, on="jax:cpu,onnxruntime:cpu", rebuild=True)
    assert check.passed
    assert shown(check, "jax:cpu")["rebuilt artifact"][0].startswith("equal")
    assert "rebuilt artifact" not in shown(check, "onnxruntime:cpu")

    lower, builds = targets.lower, []

    def drifting(graph, framework, folder, **more):
        builds.append(framework)
        target = lower(graph, framework, folder, **more)
        weights = load_file(folder / "weights.safetensors")
        weights["w"] = weights["w"] * np.float32(1 + 1e-4 * (len(builds) - 1))
        save_file(weights, folder / "weights.safetensors")
        return target

    monkeypatch.setattr(targets, "lower", drifting)
    check = interop.check(model, on="jax:cpu", rebuild=True)
    assert builds == ["jax", "jax"]
    assert all(row["passes"] for row in check.rows)
    assert shown(check, "jax:cpu")["rebuilt artifact"] == ("different", False)
    assert check.exit_code == 3
    with pytest.raises(UsageError, match="none of --on is built for"):
        interop.check(model, on="onnxruntime:cpu", rebuild=True)


def test_what_draws_is_not_held_to_itself(tmp_path):
    one, data = noisy(tmp_path / "one.onnx"), tmp_path / "data.npz"
    np.savez(data, x=np.random.default_rng(1).standard_normal((25, 6)).astype(np.float32))
    assert interop.check(one, on="reference", data=data).document["unaided"] is None
    with pytest.raises(UsageError, match="draws random numbers, so that --gradients and --layers"):
        interop.check(one, on="reference,jax", data=data, gradients=True, layers=True)
