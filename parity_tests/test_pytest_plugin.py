"""The `parity` fixture, in a pytest of its own, as a user's repository has it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture
def repository(tmp_path):
    """A model, and the outputs of a run that somebody recorded: one right, one wrong."""
    weights = np.eye(4, dtype=np.float32) * 1.7
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, tmp_path / "model.onnx")
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    for name, error in (("right", 0.0), ("wrong", 0.01)):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "inputs.npz", x=x)
        np.savez(tmp_path / name / "outputs.npz", y=x @ weights + np.float32(error))
    return tmp_path


def run(repository, body, *options):
    (repository / "test_it.py").write_text("import pytest\n" + body)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *options, "test_it.py"],
        cwd=repository, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


CHECK = """
@pytest.mark.parity(on=["onnxruntime:cpu"], baseline="baselines/model.json")
def test_model(parity):
    assert parity.check("model.onnx")["passes"]
"""


def test_a_baseline_is_written_on_purpose_and_held(repository):
    missing = run(repository, CHECK)
    assert missing.returncode == 1
    assert "--parity-update" in missing.stdout
    assert run(repository, CHECK, "--parity-update").returncode == 0
    path = repository / "baselines" / "model.json"
    kept = json.loads(path.read_text())
    assert kept["onnxruntime:cpu"]["grade"] == "A"
    assert run(repository, CHECK).returncode == 0
    kept["onnxruntime:cpu"]["effective_bits"] += 5
    path.write_text(json.dumps(kept))
    fallen = run(repository, CHECK)
    assert fallen.returncode == 1
    assert "effective bits in the baseline" in fallen.stdout


def test_a_failure_names_the_side_and_keeps_the_record(repository):
    body = """
@pytest.mark.parametrize("folder", ["right", "wrong"])
def test_recorded(parity, folder):
    parity.check("model.onnx", on="onnxruntime:cpu", against=folder)
"""
    done = run(repository, body, "--parity-records", "kept")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    [record] = (repository / "kept").iterdir()
    document = json.loads(record.read_text())
    assert not document["passes"]
    assert record.name in done.stdout


def test_the_plugin_costs_others_nothing(repository):
    """It is imported by every pytest that runs beside it, and brings nothing heavy."""
    body = """
def test_nothing():
    import sys
    assert not {"numpy", "onnx", "onnxruntime"} & set(sys.modules)
"""
    assert run(repository, body).returncode == 0
