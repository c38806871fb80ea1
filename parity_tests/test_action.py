"""The GitHub Action: its shell, run as a runner would, and the examples beside it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import onnx
import pytest
import yaml
from onnx import TensorProto, helper

from interop.audit import policy

ROOT = Path(__file__).parent.parent


@pytest.fixture
def step():
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    [found] = [one for one in action["runs"]["steps"] if one.get("name") == "Audit"]
    return action, found


@pytest.fixture
def model(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
    )
    opset = helper.make_opsetid("", 21)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def run(step, model, tmp_path, **inputs):
    """The step's own script, its variables filled in from the inputs as a runner does."""
    action, audit = step
    given = {name: one.get("default", "") for name, one in action["inputs"].items()}
    given |= {"model": str(model), "backends": "onnxruntime:cpu", **inputs}
    variables = {
        name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: given[match[1]], text)
        for name, text in audit["env"].items()
    }
    summary = tmp_path / "summary.md"
    done = subprocess.run(
        ["bash", "-e", "-c", audit["run"]], cwd=tmp_path, capture_output=True, text=True,
        timeout=300, env={**os.environ, **variables, "GITHUB_STEP_SUMMARY": str(summary)},
    )  # fmt: skip
    return done, summary.read_text() if summary.exists() else ""


def test_it_audits_summarises_and_fails_on_policy(step, model, tmp_path):
    done, summary = run(step, model, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "onnxruntime:cpu" in summary
    assert (tmp_path / "interop-audit" / "index.html").exists()
    (tmp_path / "policy.toml").write_text('[require]\nlicences = ["MIT"]\n')
    done, summary = run(step, model, tmp_path, policy="policy.toml")
    assert done.returncode == 10
    assert "licences" in summary


def test_every_input_is_used(step):
    action, audit = step
    text = yaml.safe_dump(action["runs"])
    assert all(f"inputs.{name} " in text for name in action["inputs"])
    assert all(f"${name}" in audit["run"] or f"${{{name}" in audit["run"] for name in audit["env"])


def test_the_examples_hold():
    workflow = yaml.safe_load((ROOT / "examples" / "audit.yml").read_text())
    steps = workflow["jobs"]["audit"]["steps"]
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert set(steps[-1]["with"]) <= set(action["inputs"])
    assert policy.read(ROOT / "examples" / "interop-policy.toml").required
