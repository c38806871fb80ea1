"""torch's own file formats as sources: TorchScript archives, and weights beside an architecture; and what
a `.pt2` cannot hold."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from safetensors import safe_open

import interop
from interop.errors import InvalidModel, UsageError
from interop.signature import TensorSpec

pytestmark = pytest.mark.slow


@pytest.fixture
def files(open_worker):
    return open_worker("torch", "torch_files")


GATE = (TensorSpec("x", "float32", ("batch", 6)), TensorSpec("shift", "float32", (3,)))


def test_a_script_keeps_its_branch(files, tmp_path):
    """Drawn inputs of several scales take both sides of it."""
    files.call("script_gate", path=str(tmp_path / "gate.pt"))
    done = interop.convert(
        str(tmp_path / "gate.pt"), target="tf", inputs=GATE, output=tmp_path / "out"
    )
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert [spec["shape"] for spec in done.manifest["signature"]["inputs"]] == [["batch", 6], [3]]
    assert "tf.cond(" in (done.folder / "model.py").read_text()


def test_a_trace_keeps_the_names_of_its_weights(files, tmp_path):
    files.call("trace_network", path=str(tmp_path / "traced.pt"))
    spec = TensorSpec("image", "float32", ("batch", 3, 8, 8))
    done = interop.convert(
        str(tmp_path / "traced.pt"), target="jax", inputs=(spec,), output=tmp_path / "out"
    )
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert "params['5.weight']" in (done.folder / "model.py").read_text()


@pytest.mark.parametrize(("inputs", "why"), [((), "--input"), (GATE[:1], "shift (Tensor)")])
def test_a_script_does_not_say_its_shapes(inputs, why, files, tmp_path):
    files.call("script_gate", path=str(tmp_path / "gate.pt"))
    with pytest.raises(UsageError) as caught:
        interop.convert(
            str(tmp_path / "gate.pt"), target="tf", inputs=inputs, output=tmp_path / "out"
        )
    assert why in f"{caught.value.message} {caught.value.hint}"
    assert not (tmp_path / "out").exists()


def test_a_broken_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "gate.pt", "w") as archive:
        archive.writestr("gate/constants.pkl", b"nothing")
    with pytest.raises(InvalidModel, match="cannot be read as a TorchScript archive"):
        interop.convert(
            str(tmp_path / "gate.pt"), target="tf", inputs=GATE, output=tmp_path / "out"
        )


def test_sizes_that_are_one_inside(tmp_path):
    """A pyramid takes multiples of eight. Traced with 8 its program took no more than that: what is
    pooled has one pixel then, of which torch makes a case of its own."""
    nodes = [
        helper.make_node("MaxPool", ["x"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["small", "weight"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("Resize", ["seen", "", "scales"], ["large"], mode="nearest"),
        helper.make_node("Add", ["x", "large"], ["y"]),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1, "height", "width"])]
        for name in "xy"
    ]
    weights = [
        helper.make_tensor("weight", TensorProto.FLOAT, [1, 1, 3, 3], np.arange(9) / 7),
        helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 8, 8]),
    ]
    graph = helper.make_graph(nodes, "pyramid", *ends, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "pyramid.onnx")
    done = interop.convert(
        str(tmp_path / "pyramid.onnx"), target="torch", output=tmp_path / "out",
        sizes={"height": 24, "width": 16},
    )  # fmt: skip
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    built = done.manifest["target"]["graph"]
    assert (built["program"], built["dynamic"]) == (True, ["batch", "height", "width"])


def test_a_loop_of_open_length_has_no_program(tmp_path):
    """torch.export unrolls it, and would guard on the length that it saw."""
    step = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["c"]), helper.make_node("Tanh", ["c"], ["d"])],
        "step",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in "ab"],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in "cd"],
    )
    graph = helper.make_graph(
        [helper.make_node("Scan", ["s", "x"], ["last", "y"], body=step, num_scan_inputs=1)],
        "running",
        [
            helper.make_tensor_value_info("s", TensorProto.FLOAT, [4]),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["time", 4]),
        ],
        [
            helper.make_tensor_value_info("last", TensorProto.FLOAT, [4]),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["time", 4]),
        ],
    )
    opsets = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), tmp_path / "m.onnx")
    done = interop.convert(str(tmp_path / "m.onnx"), target="torch", output=tmp_path / "out")
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert not (done.folder / "model.pt2").exists()
    assert any("no model.pt2" in note for note in done.manifest["notes"])


WEIGHTS = {"w.safetensors": {}, "w.pt": {}, "w.ckpt": {"nested": True}}


@pytest.fixture
def module_of_ours(monkeypatch):
    """What a user's package.module:callable is looked for by: the working directory."""
    monkeypatch.chdir(Path(__file__).parent / "guests")


@pytest.mark.parametrize("file", WEIGHTS)
def test_weights_beside_an_architecture(file, files, module_of_ours, tmp_path):
    files.call("save_weights", path=str(tmp_path / file), **WEIGHTS[file])
    done = interop.convert(
        "torch_files:empty", target="torch", weights=tmp_path / file, output=tmp_path / "out"
    )
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert len(done.manifest["source"]["weights_sha256"]) == 64
    with safe_open(done.folder / "weights.safetensors", framework="numpy") as held:
        assert np.abs(held.get_tensor("5.weight")).max() > 0  # the callable's own are zeros


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"drop": "5.bias"}, r"Missing key\(s\) in state_dict: \"5.bias\""),
        ({"pickled": True}, "not a file of tensors alone"),
        (None, "not a file of tensors alone"),
    ],
)
def test_weights_that_do_not_fit(options, why, files, module_of_ours, tmp_path):
    path = tmp_path / "w.pt"
    path.write_bytes(b"PK nothing")
    if options is not None:
        files.call("save_weights", path=str(path), **options)
    with pytest.raises(InvalidModel, match=why):
        interop.convert("torch_files:empty", target="torch", weights=path, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_alone_ask_for_their_architecture(files, tmp_path):
    files.call("save_weights", path=str(tmp_path / "w.safetensors"))
    with pytest.raises(InvalidModel, match="without an architecture") as caught:
        interop.convert(str(tmp_path / "w.safetensors"), target="tf", output=tmp_path / "out")
    assert "--weights" in caught.value.hint


def test_weights_go_with_an_architecture_only(tmp_path):
    with pytest.raises(UsageError, match="goes with an architecture"):
        interop.convert("resnet", source="keras", target="tf", weights=tmp_path / "w.pt")
