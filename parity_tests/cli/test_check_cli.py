"""`interop check` from the shell: exit codes, one clear message each, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

WEIGHT = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)


def command(*arguments):
    return [sys.executable, "-P", "-m", "interop", "check", *map(str, arguments)]


def run(tmp_path, *arguments):
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    environment = {**os.environ, "NO_COLOR": "1", "TMPDIR": str(scratch), "COLUMNS": "120"}
    done = subprocess.run(
        command(*arguments), cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert not list(scratch.glob("interop-*")), "tensors were left behind"
    assert "Traceback" not in done.stderr + done.stdout
    return done


@pytest.fixture(name="model")
def a_model(tmp_path):
    value = helper.make_tensor_value_info
    for name, last in (("model", "Tanh"), ("wrong", "Sigmoid")):
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node(last, ["z"], ["y"])],
            "g",
            [value("x", TensorProto.FLOAT, ["n", 6])],
            [value("y", TensorProto.FLOAT, ["n", 4])],
            [numpy_helper.from_array(WEIGHT, "w")],
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(proto, tmp_path / f"{name}.onnx")
    return tmp_path / "model.onnx"


def test_what_it_prints(model, tmp_path):
    done = run(tmp_path, "model.onnx", "--on", "onnxruntime,openvino:cpu", "-o", "record.json")
    assert done.returncode == 0, done.stderr
    assert "3 of 3 compute the same function" in done.stdout
    assert re.search(r"A +onnxruntime:cpu +\S+ +faithful +2[34]\.\d of 24 +y", done.stdout)
    document = json.loads((tmp_path / "record.json").read_text("utf-8"))
    assert (document["kind"], document["schema_version"], document["passes"]) == ("check", 1, True)


def test_a_fault_is_exit_code_3(model, tmp_path):
    done = run(tmp_path, "model.onnx", "wrong.onnx", "--json")
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert [row["passes"] for row in document["rows"]] == [True, False]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["model.onnx"], 2, "there is nothing to check model.onnx against"),
        (["model.onnx", "--on", "onnxrutime"], 2, "no runtime 'onnxrutime'"),
        (["model.onnx", "--on", "torch:tpu"], 2, "PyTorch does not run on 'tpu'"),
        (["absent.onnx", "--on", "ort"], 5, "there is no file absent.onnx"),
        (["model.onnx", "absent.onnx"], 5, "there is no file absent.onnx"),
        (["model.onnx", "--against", "absent"], 2, "there is no folder absent"),
        (["model.onnx", "--on", "ort", "--data", "absent.npz"], 2, "absent.npz cannot be read"),
        (["model.onnx", "--on", "ort", "-o", "model.onnx"], 9, "model.onnx exists already"),
        (["model.onnx", "--on", "ort", "--size", "m=3"], 2, "no such dimension: m"),
    ],
)
def test_bad_input(arguments, code, message, model, tmp_path):
    before = sorted(tmp_path.iterdir())
    done = run(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "next:" in done.stderr
    assert sorted({*tmp_path.iterdir()} - {tmp_path / "scratch"}) == before


def test_ctrl_c(model, tmp_path):
    """While a backend is being made ready: it ends at once, and so does all that it started."""
    (tmp_path / "scratch").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "scratch")}
    process = subprocess.Popen(
        command("model.onnx", "--on", "torch:cpu,jax:cpu"), cwd=tmp_path, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list((tmp_path / "scratch").glob("interop-*/.torch*")):
        assert time.monotonic() < deadline, "it never came to convert"
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert not list((tmp_path / "scratch").glob("interop-*"))


def test_help_is_quick():
    """It imports neither NumPy nor ONNX."""
    code = (
        "import sys; from interop.cli import app; from typer.testing import CliRunner\n"
        "assert CliRunner().invoke(app, ['check', '--help']).exit_code == 0\n"
        "print(*{'numpy', 'onnx', 'onnxruntime', 'interop.checks'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
