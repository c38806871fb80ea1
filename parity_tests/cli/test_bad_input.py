"""Whatever a user gets wrong ends in one clear message and its exit code, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.environments import provide
from interop.output import digest


def command(*arguments):
    return [sys.executable, "-P", "-m", "interop", *map(str, arguments)]


def marked(tmp_path, **more):
    """An environment by which the processes of one command can be found again."""
    return {**os.environ, "INTEROP_TEST_MARK": str(tmp_path), "NO_COLOR": "1", **more}


def processes(tmp_path):
    """Processes (not zombies) that carry the mark."""
    mark = f"INTEROP_TEST_MARK={tmp_path}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (
                mark in (entry / "environ").read_bytes()
                and " Z " not in (entry / "stat").read_text()
            ):
                found.append(
                    (entry.name, (entry / "cmdline").read_bytes().replace(b"\0", b" ")[:80])
                )
        except OSError:
            continue  # it ended while we looked
    return found


def run(tmp_path, *arguments, **more):
    done = subprocess.run(
        command(*arguments),
        cwd=tmp_path,
        env=marked(tmp_path, **more),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    assert not processes(tmp_path)
    return done


def relu(**changes):
    node = helper.make_node("Relu", ["x"], ["y"], name="the_node")
    for name, value in changes.items():
        setattr(node, name, value)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def external(location):
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])],
        [numpy_helper.from_array(np.ones(4, np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    [tensor] = model.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return model


class Payload:
    """Unpickling it leaves a trace."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def make_nothing(folder):
    return "missing.onnx"


def make_text(folder):
    (folder / "text.onnx").write_text("not a model\n" * 20)
    return "text.onnx"


def make_truncated(folder):
    (folder / "cut.onnx").write_bytes(relu().SerializeToString()[:-7])
    return "cut.onnx"


def make_operator(folder):
    onnx.save(relu(op_type="Rellu"), folder / "operator.onnx")
    return "operator.onnx"


def make_domain(folder):
    onnx.save(relu(domain="acme.ops"), folder / "domain.onnx")
    return "domain.onnx"


def make_external_missing(folder):
    onnx.save(external("weights.bin"), folder / "external.onnx")
    return "external.onnx"


def make_picky(folder):
    """Its reflection needs more than the inputs that are drawn have."""
    graph = helper.make_graph(
        [helper.make_node("Pad", ["x", "pads"], ["y"], mode="reflect")], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "m"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "k"])],
        [numpy_helper.from_array(np.array([0, 0, 0, 200]), "pads")],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "picky.onnx")
    return "picky.onnx"


def make_external_outside(folder):
    onnx.save(external("../../etc/hostname"), folder / "external.onnx")
    return "external.onnx"


def make_text_for_tflite(folder):
    (folder / "text.tflite").write_text("not a model\n" * 20)
    return "text.tflite"


def make_weights_alone(folder):
    code = "import h5py; h5py.File('weights.h5', 'w').create_dataset('layer/kernel', data=[1.0])"
    subprocess.run([provide("keras").interpreter, "-I", "-c", code], cwd=folder, check=True)
    return "weights.h5"


def make_pickle(folder):
    (folder / "net.pt").write_bytes(pickle.dumps(Payload(folder / "unpickled")))
    return "net.pt"


CASES = [
    (make_nothing, (), 5, ["missing.onnx"]),
    (make_text, (), 5, ["text.onnx", "not an ONNX model"]),
    (make_truncated, (), 5, ["cut.onnx"]),
    (make_operator, (), 4, ["Rellu", "the_node"]),
    (make_domain, (), 4, ["acme.ops", "the_node"]),
    (make_external_missing, (), 5, ["weights.bin"]),
    (make_external_outside, (), 5, ["outside the model's folder"]),
    (make_picky, (), 5, ["stops in a run", "Pad", "--data", "--size"]),
    (make_text_for_tflite, (), 5, ["text.tflite", "not a TFLite model"]),
    (make_weights_alone, (), 5, ["weights.h5", "weights only", "package.module:callable"]),
    (make_pickle, (), 5, ["net.pt", "--trust"]),
    (lambda folder: "resnett", (), 2, ["resnett", "resnet"]),
    (lambda folder: "resnet", ("--from", "torhc"), 2, ["torhc", "torch"]),
    (lambda folder: "no_such_module:net", (), 2, ["no_such_module"]),
    (lambda folder: "json:nothing_here", (), 2, ["nothing_here"]),
    (lambda folder: "resnet", ("--input", "x:float32"), 2, ["--input"]),
    (lambda folder: "resnet", ("--size", "batch"), 2, ["--size"]),
    (lambda folder: "resnet", ("--output", "no/such/folder/out"), 9, ["no/such/folder"]),
]


@pytest.mark.parametrize(("make", "options", "code", "words"), CASES)
def test_a_clear_message_and_nothing_left(make, options, code, words, tmp_path):
    argument = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    done = run(tmp_path, "convert", argument, *options, "--to", "tf")
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_unknown_target(tmp_path):
    done = run(tmp_path, "convert", "resnet", "--to", "tensorflw")
    assert done.returncode == 2
    assert "tensorflow" in done.stderr


def test_an_existing_output_is_kept(tmp_path):
    (tmp_path / "resnet-tf").mkdir()
    (tmp_path / "resnet-tf" / "precious").write_text("mine")
    done = run(tmp_path, "convert", "resnet", "--to", "tf")
    assert done.returncode == 9
    assert "--force" in done.stderr
    assert [p.name for p in (tmp_path / "resnet-tf").iterdir()] == ["precious"]


def test_trusted_pickles_that_are_no_model(tmp_path):
    (tmp_path / "net.pt").write_bytes(pickle.dumps({"weight": 1}))
    done = run(tmp_path, "convert", "net.pt", "--to", "tf", "--trust")
    assert done.returncode == 5
    assert "cannot be unpickled" in done.stderr
    code = "import torch; torch.save({'weight': torch.ones(2)}, 'weights.pt')"
    subprocess.run([provide("torch").interpreter, "-I", "-c", code], cwd=tmp_path, check=True)
    done = run(tmp_path, "convert", "weights.pt", "--to", "tf", "--trust")
    assert done.returncode == 5
    assert "holds a dict" in done.stderr


def test_a_full_disk(tmp_path):
    """A file system of 300 kB takes the first file and not the second."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        weights = np.random.default_rng(0).standard_normal((400, 400)).astype(np.float32)
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 400])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 400])],
            [numpy_helper.from_array(weights, "w")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, tmp_path / "m.onnx")
        done = run(tmp_path, "convert", "m.onnx", "--to", "tf", "--output", disk / "out")
        assert done.returncode == 9, done.stderr
        assert "No space left" in done.stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("seconds", [0.3, 1, 2.5, 5, 8, 12])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_at_any_point(seconds, number, tmp_path):
    if number == signal.SIGTERM and seconds not in (1, 8):
        pytest.skip("SIGTERM takes the same path; two points of it are enough")
    started = subprocess.Popen(
        command("convert", "dcgan", "--from", "torch", "--to", "tf"),
        cwd=tmp_path,
        env=marked(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(seconds)
    finished_before = started.poll() is not None
    started.send_signal(number)
    out, err = started.communicate(timeout=30)
    assert "Traceback" not in out + err
    assert not processes(tmp_path)
    assert started.returncode != 0 or seconds > 5  # no conversion is done by then
    if not finished_before and started.returncode != 0:
        assert started.returncode in (128 + number, -number)  # minus: before Python had started
        # The signal may come after the rename, before the exit: then the result is there, and whole.
        left = list(tmp_path.iterdir())
        assert left in ([], [tmp_path / "dcgan-tf"])
        for folder in left:
            document = json.loads((folder / "manifest.json").read_text())
            for artifact in document["artifacts"]:
                assert digest(folder / artifact["path"]) == artifact["sha256"]
