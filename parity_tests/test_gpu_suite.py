"""benchmarks/gpu_suite.sh: its CPU twin, run from the checkout as on a machine without a registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.doctor import find_gpu

SUITE = Path(__file__).parent.parent / "benchmarks" / "gpu_suite.sh"


def suite(tmp_path, *arguments, **variables):
    """(exit status, output, document) of the script; nothing of this installation but its packages."""
    output = tmp_path / "suite.json"
    done = subprocess.run(
        ["bash", SUITE, *arguments, "--output", output],
        env={**os.environ, "PYTHON": sys.executable, **variables}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    document = json.loads(output.read_text()) if output.exists() else None
    return done.returncode, done.stdout + done.stderr, document


@pytest.fixture(name="model")
def one_product(tmp_path):
    weight = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [value("x", TensorProto.FLOAT, ["n", 64])], [value("y", TensorProto.FLOAT, ["n", 64])],
        [numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "m.onnx")
    return "m.onnx"


@pytest.mark.slow
def test_its_twin_on_the_processor(model, tmp_path):
    """Both parts; a model that is not there, and backends that have no environment, cost their own row."""
    status, said, document = suite(
        tmp_path, "--device", "cpu", "--models", f"{model} absent", "--timed", model,
        "--clock-seconds", "0.3",
    )  # fmt: skip
    assert status == 0, said
    (parity,) = document["parity"]
    rows = {row["label"]: row for row in parity["rows"]}
    assert all(row["passes"] for row in rows.values())
    assert rows["onnxruntime:cpu"]["bits"] == 24
    assert rows["onnxruntime:cpu:fp16"]["bits"] == 11  # held to the floor of float16
    (bench,) = document["bench"]
    (point,) = bench["points"]
    assert point["clock"]["name"] == "host"  # a processor has no second clock
    (row,) = point["contenders"]
    assert 0 < row["median"] < 1
    assert "seconds" not in row
    lost = {(one["part"], one["model"]) for one in document["not_run"]}
    assert ("parity", "absent") in lost
    assert not document["complete"]
    assert document["versions"]["onnxruntime"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [model, "suite.json"]


@pytest.mark.slow
def test_what_there_is_no_time_for_is_said(tmp_path):
    status, said, document = suite(tmp_path, "--device", "cpu", "--seconds", "0")
    assert status == 0, said
    assert (document["parity"], document["bench"], document["complete"]) == ([], [], False)
    late = {one["model"] for one in document["not_run"] if one["why"] == "there was no time left"}
    assert late > {"bert", "resnet50"}
    absent = {one["model"]: one["why"] for one in document["not_run"] if one["part"] == "backend"}
    assert "INTEROP_ENVIRONMENT_JAX names one" in absent["jax:cpu"]  # this Python has no JAX
    assert absent.keys() == {"torch:cpu", "jax:cpu"}
    assert not document["commit"] or len(document["commit"]) == 40


def test_without_a_device(tmp_path):
    if find_gpu().names:
        pytest.skip("this machine has an NVIDIA GPU: the suite itself can be run")
    status, said, document = suite(tmp_path)
    assert status == 6
    assert "no NVIDIA GPU that can be used" in said
    assert "--device cpu" in said
    assert "Traceback" not in said
    assert document is None
