"""CNTK: its own models out of it, ONNX into it, and what it cannot express."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from interop.models import ZOO
from onnx import TensorProto, helper, numpy_helper

import interop
from interop.environments import provide
from interop.errors import EnvironmentUnavailable, InvalidModel, UnsupportedOperator
from interop.workers.tensors import read_tensors, write_tensors


@pytest.fixture(scope="module", autouse=True)
def environment():
    try:
        return provide("cntk")
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def worker(environment, open_worker):
    return open_worker("cntk", "cntk_models")


def export(worker, reference, path, **declared):
    options = {"inputs": None, "outputs": None, "sizes": {}, "trust": False, **declared}
    return worker.call("load_and_export", reference=reference, path=str(path), **options)


def compare(worker, model, tmp_path, arrays):
    """CNTK's results and ONNX Runtime's on what was exported; the largest of either."""
    write_tensors(tmp_path / "in", arrays)
    worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "out")])
    expected = read_tensors(tmp_path / "out")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    got = dict(zip(names, session.run(names, arrays), strict=True))
    assert set(got) == set(expected)
    for name, array in got.items():
        assert array.shape == expected[name].shape
        np.testing.assert_allclose(array, expected[name], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "shape"), [("windows", (3, 9, 10)), ("layers", (4, 6)), ("products", (3, 4))]
)
def test_its_layers_are_exported(worker, tmp_path, name, shape):
    worker.call("save", name=name, path=str(tmp_path / "m.model"))
    export(worker, str(tmp_path / "m.model"), tmp_path / "m.onnx")
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    compare(worker, tmp_path / "m.onnx", tmp_path, {"x": x})


def test_a_real_model_of_the_wheel(worker, environment, tmp_path):
    """A policy network that CNTK ships for its tests, by another hand; it takes sequences."""
    (found,) = Path(environment.path).glob("lib/python3*/site-packages/cntk/contrib/**/*.dnn")
    answer = export(worker, str(found), tmp_path / "m.onnx")
    graph = onnx.load(tmp_path / "m.onnx").graph
    assert [d.dim_param for d in graph.input[0].type.tensor_type.shape.dim][:2] == [
        "batch", "sequence",
    ]  # fmt: skip
    x = np.random.default_rng(0).standard_normal((2, 5, 2)).astype(np.float32)
    compare(worker, tmp_path / "m.onnx", tmp_path, {answer["inputs"][0]: x})


@pytest.mark.parametrize(
    ("name", "why"), [("unknown", "ROIPooling"), ("reduced", "all axes at once")]
)
def test_what_has_no_onnx_form_is_named(worker, tmp_path, name, why):
    worker.call("save", name=name, path=str(tmp_path / "m.model"))
    with pytest.raises(UnsupportedOperator, match=why):
        export(worker, str(tmp_path / "m.model"), tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_a_file_that_is_no_model(worker, tmp_path):
    (tmp_path / "m.model").write_bytes(b"not a model")
    with pytest.raises(InvalidModel, match=r"cannot read .*m\.model"):
        export(worker, str(tmp_path / "m.model"), tmp_path / "m.onnx")


def small(path, nodes, weights, output=("batch", 5)):
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 9, 9])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(output))],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path
    )
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A small network of the operators whose forms differ most."""
    rng = np.random.default_rng(0)
    weights = {
        "k": rng.standard_normal((6, 2, 3, 3)).astype(np.float32) / 4,
        "b": rng.standard_normal(6).astype(np.float32),
        "s": np.array([0, 108], np.int64),
        "w": rng.standard_normal((108, 5)).astype(np.float32) / 10,
        "c": rng.standard_normal(5).astype(np.float32),
    }
    nodes = [
        helper.make_node(
            "Conv", ["x", "k", "b"], ["a"], group=2, dilations=[1, 2], pads=[0, 1, 1, 2]
        ),
        helper.make_node("Clip", ["a"], ["d"]),
        helper.make_node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], ceil_mode=1, strides=[1, 1]),
        helper.make_node("AveragePool", ["e"], ["f"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("AveragePool", ["f"], ["g"], kernel_shape=[2, 2], strides=[2, 1]),
        helper.make_node("Transpose", ["g"], ["h"], perm=[0, 2, 1, 3]),
        helper.make_node("Flatten", ["h"], ["i"]),
        helper.make_node("Gemm", ["i", "w", "c"], ["j"]),
        helper.make_node("Softmax", ["j"], ["y"]),
    ]
    folder = tmp_path_factory.mktemp("network")
    path = folder / "small.onnx"
    rows = 3 * 6 * 6
    weights["w"] = rng.standard_normal((rows, 5)).astype(np.float32) / 10
    return small(path, nodes, {n: a for n, a in weights.items() if n != "s"})


def test_onnx_into_cntk_and_back(network, tmp_path):
    made = interop.convert(str(network), target="cntk", output=tmp_path / "there")
    assert made.grade == "A"
    assert "C.convolution(" in (made.folder / "model.py").read_text()
    back = interop.convert(
        str(made.folder / "model.model"), source="cntk", target="torch", output=tmp_path / "back"
    )
    assert back.grade == "A"


def test_what_works_along_the_batch_is_refused(tmp_path):
    nodes = [helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0, 2, 3])]
    path = small(tmp_path / "m.onnx", nodes, {}, (4, "batch", 9, 9))
    with pytest.raises(UnsupportedOperator, match=r"Transpose|needs a batch"):
        interop.convert(str(path), target="cntk", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, e in ZOO.items() if "cntk" in e.definitions])
def test_definitions_agree(name, open_worker, worker, tmp_path):
    entry = ZOO[name]
    specs = [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs]
    declared = {"inputs": specs, "outputs": list(entry.outputs)}
    image = np.random.default_rng(0).standard_normal((2, 3, 224, 224)).astype(np.float32)
    write_tensors(tmp_path / "in", {"image": image})
    results = []
    for who, one in (("torch", open_worker("torch")), ("cntk", worker)):
        export(one, entry.definitions[who], tmp_path / f"{who}.onnx", **declared)
        one.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / who)])
        results.append(np.asarray(read_tensors(tmp_path / who)["logits"], np.float64))
    expected, got = results
    assert np.sqrt(np.mean((got - expected) ** 2) / np.mean(expected**2)) < 1e-5
