"""Caffe2: its nets out of it, ONNX into it, and files that are not complete."""

from __future__ import annotations

import subprocess

import numpy as np
import onnx
import onnxruntime
import pytest
from interop.models import ZOO
from onnx import TensorProto, helper, numpy_helper

import interop
from interop.environments import provide
from interop.errors import (
    EnvironmentUnavailable,
    InvalidModel,
    UnsupportedOperator,
    UsageError,
)
from interop.signature import TensorSpec
from interop.workers.tensors import read_tensors, write_tensors


@pytest.fixture(scope="module", autouse=True)
def environment():
    try:
        return provide("caffe2")
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def worker(environment, open_worker):
    return open_worker("caffe2", "caffe2_models")


def spec(name, *shape, dtype="float32"):
    return {"name": name, "dtype": dtype, "shape": list(shape)}


def export(worker, reference, path, **declared):
    options = {"inputs": None, "outputs": None, "sizes": {}, "trust": False, **declared}
    return worker.call("load_and_export", reference=reference, path=str(path), **options)


def compare(worker, tmp_path, arrays):
    """Caffe2's results and ONNX Runtime's on what was exported."""
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    write_tensors(tmp_path / "in", arrays)
    worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "out")])
    expected = read_tensors(tmp_path / "out")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    got = dict(zip(names, session.run(names, arrays), strict=True))
    assert set(got) == set(expected)
    for key, array in got.items():
        assert (array.shape, array.dtype) == (expected[key].shape, expected[key].dtype), key
        np.testing.assert_allclose(array, expected[key], rtol=2e-5, atol=2e-5, err_msg=key)


CASES = {
    "windows": [spec("x", "batch", 4, 9, 10)],
    "arranged": [spec("x", "batch", 4, 6), spec("i", 3, dtype="int64")],
    "computed": [spec("x", "batch", 4, 6), spec("i", 3, dtype="int64")],
}


@pytest.mark.parametrize("name", CASES)
def test_its_operators_are_exported(worker, tmp_path, name):
    worker.call("save", name=name, folder=str(tmp_path / "nets"))
    inputs = CASES[name]
    export(worker, str(tmp_path / "nets"), tmp_path / "m.onnx", inputs=inputs)
    rng = np.random.default_rng(0)
    arrays = {
        one["name"]: rng.integers(0, 4, 3)
        if one["dtype"] == "int64"
        else rng.standard_normal([2 if d == "batch" else d for d in one["shape"]]).astype(
            np.float32
        )
        for one in inputs
    }
    compare(worker, tmp_path, arrays)


def test_a_model_helper_is_a_source(worker, tmp_path):
    answer = export(
        worker, "caffe2_models:helper", tmp_path / "m.onnx", inputs=[spec("x", "batch", 6)]
    )
    assert answer["outputs"] == ["y"]
    compare(worker, tmp_path, {"x": np.ones((3, 6), np.float32)})


@pytest.mark.parametrize(
    ("name", "inputs", "kind", "why"),
    [
        ("boxes", [spec("x", 1, 2, 8, 8), spec("rois", 1, 5)], UnsupportedOperator, "RoIAlign"),
        ("windows", None, UsageError, "does not say the shapes of its inputs: x"),
        ("windows", [spec("x", 1, 3, 8, 8)], InvalidModel, "does not run this model"),
        ("windows", [spec("z", 1, 4, 8, 8)], UsageError, "inputs are x"),
        ("number", None, UsageError, "gave a int, not two nets"),
    ],
)
def test_what_cannot_be_exported_is_told(worker, tmp_path, name, inputs, kind, why):
    with pytest.raises(kind, match=why):
        export(worker, f"caffe2_models:{name}", tmp_path / "m.onnx", inputs=inputs)
    assert not (tmp_path / "m.onnx").exists()


def test_files_that_are_not_complete(worker, tmp_path):
    worker.call("save", name="windows", folder=str(tmp_path))
    (tmp_path / "predict_net.pb").write_bytes(b"not a net")
    with pytest.raises(InvalidModel, match="is no NetDef"):
        export(worker, str(tmp_path), tmp_path / "m.onnx", inputs=CASES["windows"])
    (tmp_path / "init_net.pb").unlink()
    with pytest.raises(InvalidModel, match=r"no weights beside it: there is no init_net\.pb"):
        export(worker, str(tmp_path), tmp_path / "m.onnx", inputs=CASES["windows"])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small ONNX network as a Caffe2 artifact, its batch open."""
    folder = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(0)
    weights = {
        "k": rng.standard_normal((6, 2, 3, 3)).astype(np.float32) / 4,
        "b": rng.standard_normal(6).astype(np.float32),
        "w": rng.standard_normal((5, 96)).astype(np.float32) / 10,
        "c": rng.standard_normal(5).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "k", "b"], ["a"], group=2, pads=[0, 1, 1, 2]),
        helper.make_node("MaxPool", ["a"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Transpose", ["d"], ["e"], perm=[0, 2, 1, 3]),
        helper.make_node("Flatten", ["e"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "c"], ["g"], transB=1),
        helper.make_node("Softmax", ["g"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 9, 7])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 5])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    imports = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), folder / "m.onnx")
    done = interop.convert(str(folder / "m.onnx"), target="caffe2", output=folder / "out")
    assert done.grade == "A"
    return done.folder


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize(
    ("shape", "pads"),
    [
        (["batch", 3, 4, 5], [0, 1, 1, 0, 0, 2, 0, 3]),  # channels, too
        (["batch", 3, 4, 5], [2, 0, 0, 0, 1, 0, 0, 0]),  # the batch alone
        (["batch", 4], [0, 2, 0, 1]),
        ([3, 4, 5], [1, 2, 0, 1, 0, 1]),
        (["batch", 3, 2, 4, 5], [0, 1, 0, 1, 2, 0, 1, 1, 0, 3]),
    ],
    ids=["channels", "batch", "two axes", "three", "five"],
)
def test_padding_of_any_axis(shape, pads, mode, tmp_path):
    if mode == "reflect":  # by less than there is
        pads = [min(amount, 1) for amount in pads]
    pad = helper.make_node(
        "Pad", ["x", "pads"] + (["v"] if mode == "constant" else []), ["y"], mode=mode
    )
    graph = helper.make_graph(
        [pad], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(pads, np.int64), "pads"),
         numpy_helper.from_array(np.float32(0.5), "v")],
    )  # fmt: skip
    imports = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), tmp_path / "m.onnx")
    sizes = {"batch": 3}
    x = np.random.default_rng(0).standard_normal([sizes.get(d, d) for d in shape])
    np.savez(tmp_path / "in.npz", x=x.astype(np.float32))
    done = interop.convert(
        str(tmp_path / "m.onnx"), target="caffe2", output=tmp_path / "out", data=tmp_path / "in.npz"
    )
    assert done.grade == "A"
    assert done.manifest["parity"]["outputs"]["y"]["max_abs"] == 0


def test_the_artifact_stands_alone(small, environment):
    code = """
import sys
import numpy as np
from caffe2.proto import caffe2_pb2
from caffe2.python import workspace
nets = []
for name in ("init_net.pb", "predict_net.pb"):
    net = caffe2_pb2.NetDef()
    net.ParseFromString(open(name, "rb").read())
    nets.append(net)
workspace.RunNetOnce(nets[0])
for n in (1, 4):
    workspace.FeedBlob("x", np.ones((n, 4, 9, 7), "float32"))
    workspace.CreateNet(nets[1], overwrite=True)
    workspace.RunNet(nets[1].name)
    print(workspace.FetchBlob("y").shape)
print("interop" in sys.modules)
"""
    done = subprocess.run(
        [environment.interpreter, "-I", "-c", code], cwd=small, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["(1, 5)", "(4, 5)", "False"]
    assert 'net.Conv([x, "k", "b"]' in (small / "model.py").read_text().replace("'", '"')


def test_the_artifact_is_a_source(small, tmp_path):
    back = interop.convert(str(small), target="torch", output=tmp_path / "back")
    assert back.grade == "A"


def test_positions_are_counted(tmp_path):
    """As many as the sequence is long, which is open; there and back."""
    rng = np.random.default_rng(0)
    weights = {
        "table": rng.standard_normal((16, 4)).astype(np.float32),
        "from": np.array(0, np.int32), "by": np.array(1, np.int32), "first": np.array([0], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Shape", ["x"], ["long"], start=1, end=2),
        helper.make_node("Squeeze", ["long", "first"], ["wide"]),
        helper.make_node("Cast", ["wide"], ["size"], to=TensorProto.INT32),
        helper.make_node("Range", ["from", "size", "by"], ["places"]),
        helper.make_node("Gather", ["table", "places"], ["rows"]),
        helper.make_node("Add", ["x", "rows"], ["y"]),
    ]
    shape = ["batch", "length", 4]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    imports = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), tmp_path / "m.onnx")
    there = interop.convert(str(tmp_path / "m.onnx"), target="caffe2", output=tmp_path / "there")
    back = interop.convert(str(tmp_path / "there"), target="torch", output=tmp_path / "back")
    assert (there.grade, back.grade) == ("A", "A")


def test_zeros_for_each_of_the_batch(tmp_path):
    """A row of them in front, as MXNet's zeros_like becomes them; there and back."""
    sizes = {"first": [0], "one": [1], "rest": [1, 4]}
    weights = {name: np.array(numbers, np.int64) for name, numbers in sizes.items()}
    half = numpy_helper.from_array(np.array([0.5], np.float32))
    nodes = [
        helper.make_node("Shape", ["x"], ["whole"]),
        helper.make_node("Slice", ["whole", "first", "one"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["shape"], axis=0),
        helper.make_node("ConstantOfShape", ["shape"], ["halves"], value=half),
        helper.make_node("Concat", ["halves", "x"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4, 4])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    imports = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), tmp_path / "m.onnx")
    there = interop.convert(str(tmp_path / "m.onnx"), target="caffe2", output=tmp_path / "there")
    back = interop.convert(str(tmp_path / "there"), target="torch", output=tmp_path / "back")
    assert (there.grade, back.grade) == ("A", "A")


def test_what_caffe2_has_not_is_refused(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Det", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
    )
    imports = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), tmp_path / "m.onnx")
    with pytest.raises(UnsupportedOperator, match=r"Det.*no lowering"):
        interop.convert(
            str(tmp_path / "m.onnx"), target="caffe2", output=tmp_path / "out",
            inputs=(TensorSpec("x", "float32", ("n", 3, 3)),),
        )  # fmt: skip
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.long if n == "resnet50" else ())
        for n, e in ZOO.items()
        if "caffe2" in e.definitions
    ],
)
def test_definitions_agree(name, worker, exported, tmp_path):
    entry, folder = ZOO[name], exported(name)
    specs = [spec(i.name, *i.shape, dtype=i.dtype) for i in entry.inputs]
    export(
        worker, entry.definitions["caffe2"], tmp_path / "m.onnx", inputs=specs,
        outputs=list(entry.outputs),
    )  # fmt: skip
    worker.call("run", inputs=[str(folder / "in")], outputs=[str(tmp_path / "caffe2")])
    expected, got = read_tensors(folder / "torch"), read_tensors(tmp_path / "caffe2")
    for output in entry.outputs:
        wanted = np.asarray(expected[output], np.float64)
        assert got[output].shape == wanted.shape
        assert np.sqrt(np.mean((got[output] - wanted) ** 2) / np.mean(wanted**2)) < 1e-5


@pytest.mark.slow
def test_a_zoo_model_goes_out_and_one_comes_in(tmp_path):
    out = interop.convert("dlrm", source="caffe2", target="torch", output=tmp_path / "out")
    back = interop.convert("dlrm", source="torch", target="caffe2", output=tmp_path / "back")
    assert (out.grade, back.grade) == ("A", "A")
