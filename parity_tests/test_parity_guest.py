"""The ONNX guest in a worker: load, run, time, truth and floor runs over folders of tensors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import interop
from interop.errors import InvalidModel, UsageError
from interop.parity import measure_noise, prove
from interop.parity.floor.session import Session
from interop.parity.floor.sigmoids import write_sigmoids_out
from interop.parity.verdict.grade import grade
from interop.workers import Worker, read_tensors, write_tensors

GUEST = "interop.converters.onnx.guest"


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(sys.executable, GUEST, label="onnx", timeout=120) as running:
        yield running


@pytest.fixture
def model(tmp_path: Path) -> Path:
    weight = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Tanh", ["z"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(weight, "w")],
    )
    path = tmp_path / "model.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10), path
    )
    return path


def test_the_whole_proof_through_a_worker(worker: Worker, model: Path, tmp_path: Path) -> None:
    inputs = []
    for index, rows in enumerate((1, 3)):
        x = np.random.default_rng(index).standard_normal((rows, 6)).astype(np.float32)
        write_tensors(tmp_path / "inputs" / str(index), {"x": x})
        inputs.append(str(tmp_path / "inputs" / str(index)))

    def folders(kind: str) -> list[str]:
        return [str(tmp_path / kind / str(index)) for index in range(len(inputs))]

    loaded = worker.call("load", path=str(model), threads=1)
    assert (loaded["inputs"], loaded["outputs"]) == (["x"], ["y"])
    ran = worker.call("run", inputs=inputs, outputs=folders("plain"))
    assert len(ran["seconds"]) == 2
    worker.call("truth", model=str(model), inputs=inputs, outputs=folders("truth"))
    worker.call("floor_runs", model=str(model), inputs=inputs, outputs=folders("floor"), runs=3)

    proofs = []
    for index in range(len(inputs)):
        truth = read_tensors(tmp_path / "truth" / str(index))
        assert truth["y"].dtype == np.float64
        runs = [read_tensors(tmp_path / "floor" / str(index) / str(k))["y"] for k in range(4)]
        noise = {"y": measure_noise(truth["y"], runs)}
        plain = read_tensors(tmp_path / "plain" / str(index))
        proofs += prove(str(index), truth, plain, plain, noise)
    assert grade(proofs).letter == "A"

    timed = worker.call("time", inputs=inputs[1], runs=5, warmup=2)
    assert len(timed["seconds"]) == 5
    assert min(timed["seconds"]) > 0


def test_bad_models_are_typed_errors(worker: Worker, tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="does not exist"):
        worker.call("load", path=str(tmp_path / "missing.onnx"))
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(InvalidModel, match="cannot load"):
        worker.call("load", path=str(tmp_path / "text.onnx"))


def test_running_before_loading_is_an_error() -> None:
    with (
        Worker(sys.executable, GUEST, label="onnx", timeout=120) as fresh,
        pytest.raises(UsageError, match="no model is loaded"),
    ):
        fresh.call("run", inputs=[], outputs=[])


def test_a_truth_of_simpler_operators_says_so(worker: Worker, model: Path, tmp_path: Path) -> None:
    node = helper.make_node("MaxRoiPool", ["x", "rois"], ["y"], name="roi", pooled_shape=[2, 2])
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node], "g",
        [value("x", TensorProto.FLOAT, [1, 2, 8, 8]), value("rois", TensorProto.FLOAT, [1, 5])],
        [value("y", TensorProto.FLOAT, [1, 2, 2, 2])],
    )  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(proto, tmp_path / "roi.onnx")
    feeds = {
        "x": np.ones((1, 2, 8, 8), np.float32),
        "rois": np.array([[0, 1, 1, 6, 7]], np.float32),
    }
    write_tensors(tmp_path / "in", feeds)
    folders = {"inputs": [str(tmp_path / "in")], "outputs": [str(tmp_path / "out")]}
    said = worker.call("truth", model=str(tmp_path / "roi.onnx"), **folders)
    assert said["written_out"] == ["roi"]
    write_tensors(tmp_path / "in", {"x": np.ones((2, 6), np.float32)})
    assert worker.call("truth", model=str(model), **folders)["written_out"] == []


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product of 2,100 by 2,100: `wide`, its sum `one` an example, and the place of its largest."""
    weight = np.random.default_rng(0).standard_normal((2100, 2100)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["wide"]),
        helper.make_node("ReduceMean", ["wide"], ["one"]),
        helper.make_node("ArgMax", ["wide"], ["place"], axis=1),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2100])],
        [helper.make_tensor_value_info("wide", TensorProto.FLOAT, ["n", 2100]),
         helper.make_tensor_value_info("one", TensorProto.FLOAT, [1, 1]),
         helper.make_tensor_value_info("place", TensorProto.INT64, ["n", 1])],
        [numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    path = tmp_path_factory.mktemp("heavy") / "model.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path
    )
    return path


@pytest.mark.parametrize(
    ("kept", "factor", "runs"),
    [
        (["wide"], 1.0, 3),  # the runs agree, and two perturbed ones are enough
        (["wide", "one"], 1.0, 5),  # of one element little is known
        (["wide", "place"], 1.0, 5),  # what rounding flips shows in many runs
        (["wide"], 1.001, 17),  # a truth that is wrong: more are taken before it is called so
    ],
)
def test_a_heavy_model_is_run_no_more_often_than_is_needed(
    worker: Worker, heavy: Path, tmp_path: Path, kept: list[str], factor: float, runs: int
) -> None:
    model = onnx.load(heavy)
    outputs = [value for value in model.graph.output if value.name in kept]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    onnx.save(model, tmp_path / "model.onnx")
    x = np.random.default_rng(1).standard_normal((2, 2100)).astype(np.float32)
    names = ("inputs", "true", "truth", "floor")
    inputs, true_ones, truth, floor = (str(tmp_path / name) for name in names)
    write_tensors(inputs, {"x": x})
    worker.call("truth", model=str(tmp_path / "model.onnx"), inputs=[inputs], outputs=[true_ones])
    true = read_tensors(true_ones)
    write_tensors(truth, {**true, "wide": true["wide"] * factor})
    made = worker.call(
        "floor_runs", model=str(tmp_path / "model.onnx"), inputs=[inputs], outputs=[floor],
        truth=[truth], runs=4,
    )  # fmt: skip
    assert made["runs"] == runs == len(list(Path(floor).iterdir()))


def test_a_sigmoid_that_is_none_where_it_is_small(tmp_path: Path) -> None:
    """ONNX Runtime's ends at -18: who computes the true one is not blamed for it, and it is itself."""
    weights = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("scale", 0.5), ("shift", -21.0))
    ]
    nodes = [
        helper.make_node("Mul", ["x", "scale"], ["near"]),
        helper.make_node("Add", ["near", "shift"], ["low"]),
        helper.make_node("Sigmoid", ["low"], ["y"]),
    ]
    ends = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 64])] for n in "xy"]
    graph = helper.make_graph(nodes, "g", *ends, weights)
    opset = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), tmp_path / "m.onnx")
    check = interop.check(str(tmp_path / "m.onnx"), on="jax:cpu,onnxruntime:cpu")
    jax, own = (
        next(row for row in check.rows if row["label"] == label)
        for label in ("jax:cpu", "onnxruntime:cpu")
    )
    assert (jax["passes"], jax["grade"]) == (True, "A")
    assert jax["effective_bits"] > 22
    assert not own["passes"]
    assert own["effective_bits"] < 8
    made = interop.convert(str(tmp_path / "m.onnx"), target="jax", output=tmp_path / "out")
    assert made.grade == "A"
    assert any("Sigmoid" in note for note in made.manifest["notes"])


def test_a_sigmoid_is_written_out_wherever_it_is() -> None:
    inner = helper.make_graph(
        [helper.make_node("Sigmoid", ["x"], ["z"])], "then", [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [2])],
    )  # fmt: skip
    other = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["z2"])], "else", [],
        [helper.make_tensor_value_info("z2", TensorProto.FLOAT, [2])],
    )  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=other)], "g",
        [
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    x = np.array([-30, 1], np.float32)
    assert write_sigmoids_out(model)
    onnx.checker.check_model(model, full_check=True)
    given = Session(model).run({"c": np.array(True), "x": x})["y"]
    np.testing.assert_allclose(given, 1 / (1 + np.exp(-x.astype(np.float64))), rtol=1e-6)
    assert not write_sigmoids_out(model)
