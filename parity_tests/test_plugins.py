"""A framework that another package brings, and plugins that are broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.environments import provide
from interop.errors import EnvironmentUnavailable
from interop.workers import Worker, read_tensors, write_tensors

EXAMPLE = Path(__file__).parent / "plugin_example"


@pytest.fixture(name="site")
def installed(tmp_path):
    """A folder with the example as pip would install it: its package and its entry point."""
    folder = tmp_path / "site"
    shutil.copytree(EXAMPLE / "interop_tape", folder / "interop_tape")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["interop.frameworks"]
    distribution(folder, project["name"], project["version"], points)
    return folder


def distribution(folder, name, version, points):
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{key} = {value}" for key, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[interop.frameworks]", *lines, ""]))


def broken(folder, name, text):
    """A plugin whose module has `text`."""
    (folder / f"{name}.py").write_text(text)
    distribution(folder, name, "1.0", {name: f"{name}:FRAMEWORK"})


def interop(site, *arguments):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "interop", *map(str, arguments)],
        cwd=site.parent,
        env={**os.environ, "PYTHONPATH": str(site), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def dense(path, last="Tanh"):
    """Two dense layers, float32[batch,8] → float32[batch,4]; `last` is the operator at the end."""
    rng = np.random.default_rng(0)
    arrays = {"w": rng.standard_normal((8, 16)) / 3, "b": rng.standard_normal(16),
              "v": rng.standard_normal((16, 4)) / 4}  # fmt: skip
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["first"]),
        helper.make_node("Relu", ["first"], ["second"]),
        helper.make_node("MatMul", ["second", "v"], ["third"]),
        helper.make_node(last, ["third"], ["y"], name="the_last"),
    ]
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    return path


def test_a_plugin_is_a_target_and_a_source(site, tmp_path):
    dense(tmp_path / "dense.onnx")
    there = interop(site, "convert", "dense.onnx", "--to", "papertape", "--json")
    assert (there.returncode, there.stderr) == (0, "")
    manifest = json.loads(there.stdout)
    assert (manifest["grade"], manifest["target"]["framework"]) == ("A", "tape")
    assert [one["path"] for one in manifest["artifacts"]][:2] == ["model.tape", "model.py"]
    assert "tape.matmul(x, 'w')" in (tmp_path / "dense-tape" / "model.py").read_text()
    # By the ending of its file alone, with the plugin's own executor at both ends.
    back = interop(site, "convert", "dense-tape/model.tape", "--to", "tape", "-o", "b", "--json")
    assert (back.returncode, back.stderr) == (0, "")
    manifest = json.loads(back.stdout)
    assert (manifest["grade"], manifest["source"]["framework"]) == ("A", "tape")
    assert manifest["route"]["steps"][0]["by"] == "a walk over the tape"
    # What it computes is what ONNX Runtime computes of the original.
    import onnxruntime

    feeds = {"x": np.random.default_rng(1).standard_normal((3, 8)).astype(np.float32)}
    [expected] = onnxruntime.InferenceSession(tmp_path / "dense.onnx").run(None, feeds)
    write_tensors(tmp_path / "in", feeds)
    code = (
        "import sys, numpy as np; from interop_tape import tape; "
        "from interop.workers import read_tensors, write_tensors; "
        "write_tensors('out', tape.load('b/model.tape').run(read_tensors('in')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, check=True)
    np.testing.assert_allclose(read_tensors(tmp_path / "out")["y"], expected, rtol=1e-5, atol=1e-6)


def test_what_a_plugin_cannot_do_is_named(site, tmp_path):
    dense(tmp_path / "erf.onnx", last="Erf")
    done = interop(site, "convert", "erf.onnx", "--to", "tape")
    assert done.returncode == 4
    assert "the_last" in done.stderr
    assert not (tmp_path / "erf-tape").exists()


def test_a_plugin_is_in_the_tables(site):
    states = json.loads(interop(site, "doctor", "--json").stdout)
    [plugin] = states["plugins"]
    assert (plugin["name"], plugin["distribution"]) == ("tape", "interop-tape 0.1")
    assert plugin["trouble"] == ""
    assert "tape" in [state["framework"] for state in states["frameworks"]]
    route = json.loads(interop(site, "routes", "tape", "papertape", "--json").stdout)
    assert [limit["what"] for limit in route["limits"]["out of tape"]] == ["float32 only"]
    assert "in use" in interop(site, "doctor").stdout


def test_its_guest_runs_on_an_interpreter_that_has_nothing_of_it(site, tmp_path, monkeypatch):
    """CNTK's, a Python 3.6: the plugin's `__init__.py` could not even be read there."""
    try:
        old = provide("cntk")
    except EnvironmentUnavailable as reason:
        pytest.skip(str(reason))
    dense(tmp_path / "dense.onnx")
    assert interop(site, "convert", "dense.onnx", "--to", "tape").returncode == 0
    monkeypatch.syspath_prepend(str(site))
    with Worker(old.interpreter, "interop_tape.guest", label="tape", timeout=60) as worker:
        loaded = worker.call("load", path=tmp_path / "dense-tape" / "model.tape")
        assert loaded == {"inputs": ["x"], "outputs": ["y"]}
        write_tensors(tmp_path / "in", {"x": np.ones((2, 8), np.float32)})
        worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "out")])
    assert read_tensors(tmp_path / "out")["y"].shape == (2, 4)


BROKEN = {
    "raises": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "leaves": ("raise SystemExit(3)", "SystemExit: 3"),
    "another": ("FRAMEWORK = {'name': 'another'}", "is of type dict"),
    "torch_too": (
        "from interop.frameworks import Framework\n"
        "FRAMEWORK = Framework('mine', 'Mine', ('torch',), frozenset(), package='mine')",
        "'torch' already means PyTorch",
    ),
    "homeless": (
        "from interop.frameworks import Framework\n"
        "FRAMEWORK = Framework('homeless', 'H', (), frozenset({'source'}), package='nowhere_at_all')",
        "no nowhere_at_all",
    ),
    "kindless": (
        "from interop.frameworks import Framework\n"
        "FRAMEWORK = Framework('kindless', 'K', (), frozenset({'target'}), package='json')",
        "a kind",
    ),
    "bare": (
        "from interop.frameworks import Framework\n"
        "FRAMEWORK = Framework('bare', 'B', (), frozenset({'source'}), package='json')",
        "has no guest.py, no environment.toml, no lock.txt",
    ),
}


def test_broken_plugins_warn_once_and_kill_nothing(site, tmp_path):
    for name, (text, _) in BROKEN.items():
        broken(site, name, text)
    dense(tmp_path / "dense.onnx")
    done = interop(site, "convert", "dense.onnx", "--to", "tape")
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert len(lines) == len(BROKEN)
    for name, (_, trouble) in BROKEN.items():
        [line] = [one for one in lines if f"plugin '{name}'" in one]
        assert trouble in line
        assert f"({name.replace('-', '_')} 1.0)" in line
    states = {p["name"]: p for p in json.loads(interop(site, "doctor", "--json").stdout)["plugins"]}
    assert {name for name, one in states.items() if not one["trouble"]} == {"tape"}
    assert all(states[name]["framework"] is None for name in BROKEN)
    # Help asks for no framework, so it loads no plugin.
    help_ = interop(site, "--help")
    assert (help_.returncode, help_.stderr) == (0, "")


def test_two_plugins_of_one_name(site):
    (site / "tape_again.py").write_text("from interop_tape import FRAMEWORK")
    distribution(site, "tape-again", "2.0", {"tape_again": "tape_again:FRAMEWORK"})
    done = interop(site, "routes", "tape", "tape")
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert "'tape_again' (tape-again 2.0) is left out: 'tape' already means Tape" in line
