"""The main job as a user meets it: the command, its manifest, and an artifact that stands alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from interop.converters.tensorflow import table
from interop.converters.tensorflow.lowerings.common import tf, unary
from onnx import TensorProto, helper

import interop
from interop.environments import list_environments, provide
from interop.workers.tensors import read_tensors

NETS = '''
import torch

class Net(torch.nn.Module):
    """A small image classifier; `exporting` makes its export compute something else."""

    def __init__(self, exporting=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.head = torch.nn.Linear(8, 5)
        self.exporting = exporting

    def forward(self, image):
        x = torch.relu(self.conv(image)).mean([2, 3])
        if torch.compiler.is_exporting():
            x = x * self.exporting
        return self.head(x)

def net():
    return Net(), (torch.randn(2, 3, 32, 32),)

def faulty():
    return Net(exporting=1.001), (torch.randn(2, 3, 32, 32),)

def bare():
    return Net()
'''


def command(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-P", "-m", "interop", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def nets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets")
    (folder / "nets.py").write_text(NETS)
    return folder


@pytest.fixture(scope="module")
def converted(nets):
    done = command(nets, "convert", "nets:net", "--from", "torch", "--to", "tf")
    assert done.returncode == 0, done.stderr
    return nets / "net-tf", done


def test_what_is_printed(converted):
    _, done = converted
    assert done.stdout.startswith("A same function")
    assert "saved_model" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr  # no colours where there is no terminal


def test_the_manifest(converted):
    manifest = json.loads((converted[0] / "manifest.json").read_text())
    assert manifest["schema_version"] == 1
    assert manifest["grade"] == "A"
    assert manifest["rule"]["minimum_effective_bits"] == 22
    assert manifest["parity"]["effective_bits"]["linear"] >= 22
    assert manifest["route"]["formats"] == ["torch", "onnx", "tensorflow"]
    assert {a["path"] for a in manifest["artifacts"]} == {
        "saved_model",
        "model.py",
        "weights.safetensors",
    }
    assert all(len(a["sha256"]) == 64 and a["bytes"] > 0 for a in manifest["artifacts"])
    written = {a["path"] for a in manifest["artifacts"]} | {"manifest.json"}
    assert {path.name for path in converted[0].iterdir()} == written
    assert manifest["notes"] == []
    assert manifest["signature"]["inputs"][0]["shape"] == ["batch", 3, 32, 32]
    assert len(manifest["parity"]["inputs"]) >= 4
    assert manifest["latency"]["ratio_interval"][0] <= manifest["latency"]["ratio"]
    assert set(manifest["peak_memory_bytes"]) == {"source", "builder", "prover", "checker"}
    assert manifest["versions"]["environments"]["torch"]["packages"]["torch"]


def test_json_and_force_and_nothing_installed_again(nets, converted):
    # Another process of the suite may make its own meanwhile: what was there stays as it was.
    before = {e.path: e.record.created for e in list_environments()}
    done = command(
        nets, "convert", "nets:net", "--from", "torch", "--to", "tf", "--json", "--force"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((nets / "net-tf/manifest.json").read_text())
    after = {e.path: e.record.created for e in list_environments()}
    assert before == {path: after.get(path) for path in before}


STANDALONE = """
import json, sys
sys.path.insert(0, {folder!r})
import numpy as np, tensorflow as tf
import model
image = np.random.default_rng(0).standard_normal((3, 3, 32, 32)).astype(np.float32)
source = model.load()
saved = tf.saved_model.load({folder!r} + "/saved_model")
names = [n for n in sys.modules if n == "interop" or n.startswith("interop.")]
with tf.GradientTape() as tape:
    total = tf.reduce_sum(source(image)["linear"])
gradients = tape.gradient(total, source.trainable_variables)
a = source(image)["linear"].numpy()
b = saved.signatures["serving_default"](image=tf.constant(image))["linear"].numpy()
print(json.dumps([float(abs(a - b).max()), a.shape, names, len(gradients), None in gradients]))
"""


def test_the_artifact_needs_nothing_of_ours(converted):
    interpreter = provide("tensorflow").interpreter
    code = STANDALONE.format(folder=str(converted[0]))
    done = subprocess.run(
        [interpreter, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    difference, shape, names, gradients, broken = json.loads(done.stdout.splitlines()[-1])
    assert difference < 1e-6
    assert shape == [3, 5]
    assert names == []
    assert (gradients, broken) == (4, False)  # and its weights can be trained


def test_images_channels_last(nets):
    done = command(nets, "convert", "nets:net", "--from", "torch", "--to", "tf", "--channels-last",
                   "--output", "last", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)
    assert manifest["target"]["graph"]["transposes"] == 0
    assert "[None, 32, 32, 3]" in (nets / "last/model.py").read_text()


def test_sizes_that_are_all_fixed_are_told(nets):
    shape = (1, 3)
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )  # fmt: skip
    onnx.save(helper.make_model(graph), nets / "fixed.onnx")
    done = command(nets, "convert", "fixed.onnx", "--to", "tf", "--json")
    assert done.returncode == 0, done.stderr
    (note,) = json.loads(done.stdout)["notes"]
    assert note == (
        "every size is fixed in the source, the batch too; the artifact takes only x [1, 3]"
    )


def test_a_fault_of_the_export_is_told_apart(nets):
    done = command(nets, "convert", "nets:faulty", "--from", "torch", "--to", "tf", "--json")
    assert done.returncode == 3
    manifest = json.loads(done.stdout)
    assert manifest["grade"] in ("C", "F")
    assert manifest["rule"]["hop"] == "export"
    # The row for people is of the comparison that went wrong, not of the hop that went well.
    figures = manifest["parity"]["outputs"]["linear"]
    assert figures["snr_db"] < 70 < manifest["parity"]["proofs"][0]["artifact"]["figures"]["snr_db"]


def test_a_fault_of_a_lowering_is_told_apart(nets, tmp_path, monkeypatch):
    """elu for relu."""
    monkeypatch.setitem(table.LOWERINGS, ("", "Relu"), unary(tf.nn.elu))
    monkeypatch.chdir(nets)
    done = interop.convert("nets:net", source="torch", target="tf", output=tmp_path / "out")
    assert not done.passed
    assert done.manifest["rule"]["hop"] == "import"


def test_inputs_of_ones_own(nets, tmp_path):
    image = np.random.default_rng(3).random((4, 3, 32, 32), dtype=np.float32)
    np.savez(tmp_path / "mine.npz", image=image)
    done = command(nets, "convert", "nets:net", "--from", "torch", "--to", "tf", "--json",
                   "--data", tmp_path / "mine.npz", "--output", tmp_path / "out")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["parity"]["inputs"] == [
        {"label": "inputs", "shapes": {"image": [4, 3, 32, 32]}}
    ]


def test_inputs_must_be_known(nets):
    done = command(nets, "convert", "nets:bare", "--from", "torch", "--to", "tf")
    assert done.returncode == 2
    assert "--input" in done.stderr
    done = command(nets, "convert", "nets:bare", "--from", "torch", "--to", "tf",
                   "--input", "image:float32[batch,3,32,32]")  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_exported_program(nets, tmp_path, open_worker):
    code = (
        f"import sys; sys.path.insert(0, {str(nets)!r}); import torch, nets; m, x = nets.net(); "
        f"torch.export.save(torch.export.export(m.eval(), x), {str(tmp_path / 'net.pt2')!r})"
    )
    subprocess.run(
        [provide("torch").interpreter, "-I", "-c", code], check=True, capture_output=True
    )
    done = interop.convert(str(tmp_path / "net.pt2"), target="tf", output=tmp_path / "out")
    assert done.passed
    assert done.manifest["signature"]["inputs"][0]["shape"] == [2, 3, 32, 32]


def test_tensors_are_never_pickled(tmp_path):
    (tmp_path / "tensors.json").write_text(
        json.dumps([{"name": "x", "file": "0000.npy", "dtype": "float32", "shape": [1]}])
    )
    np.save(tmp_path / "0000.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="objects"):
        read_tensors(tmp_path)


def test_the_packages_are_all_installed():
    """Every folder with code is named in pyproject.toml, so that a wheel holds it."""
    root = Path(__file__).parent.parent
    named = (root / "pyproject.toml").read_text()
    for top, base in (
        ("interop", "interop"),
        ("converters", "interop.converters"),
        ("models", "interop.models"),
    ):
        for init in (root / top).rglob("__init__.py"):
            parts = init.parent.relative_to(root / top).parts
            assert f'"{".".join((base, *parts))}"' in named


def test_out_to_onnx(nets):
    done = command(nets, "convert", "nets:net", "--to", "onnx", "--opset", "17", "-o", "older")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((nets / "older" / "manifest.json").read_text())
    assert manifest["grade"] == "A"
    assert manifest["route"]["formats"] == ["torch", "onnx"]
    assert [a["what"] for a in manifest["artifacts"]] == ["ONNX model, opset 17"]
    model = onnx.load(nets / "older" / "model.onnx")
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    onnx.checker.check_model(model, full_check=True)
    again = command(nets, "convert", "older", "--to", "onnx", "-o", "newest", "--json")
    assert json.loads(again.stdout)["grade"] == "A"
    assert onnx.load(nets / "newest" / "model.onnx").opset_import[0].version == 13


def test_a_wrong_export_to_onnx_is_found(nets):
    done = command(nets, "convert", "nets:faulty", "--to", "onnx")
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("C ")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", "tf", "--opset", "17"], "TensorFlow has no opsets"),
        (["--to", "onnx", "--opset", "9"], "opset 9 is not written"),
        (["--to", "torch", "--channels-last"], "PyTorch is written channels first"),
    ],
)
def test_what_does_not_go_together(nets, options, words):
    done = command(nets, "convert", "nets:net", *options, "-o", "none")
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert not (nets / "none").exists()
