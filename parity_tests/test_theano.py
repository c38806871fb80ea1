"""Theano: its graphs out of it, ONNX into it, with and without a C compiler."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import onnx
import onnxruntime
import pytest
from interop.models import ZOO
from onnx import TensorProto, helper, numpy_helper, parser
from suite import Case
from test_conformance import run

import interop
from interop.environments import provide
from interop.errors import (
    EnvironmentUnavailable,
    InvalidModel,
    UnsupportedOperator,
    UsageError,
)
from interop.workers.tensors import read_tensors


@pytest.fixture(scope="module", autouse=True)
def environment():
    try:
        return provide("theano")
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def worker(environment, open_worker):
    """Without a C compiler: nothing of many small models has to be compiled."""
    return open_worker("theano", "theano_models")


def export(worker, reference, path, **declared):
    options = {"inputs": None, "outputs": None, "sizes": {}, "trust": False, **declared}
    return worker.call("load_and_export", reference=reference, path=str(path), **options)


def in_onnxruntime(path, arrays):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, arrays), strict=True))


@pytest.mark.parametrize(
    "name", ["scalars", "arranged", "reduced", "windows", "recurrent", "fused"]
)
def test_its_operators_are_exported(worker, tmp_path, name):
    export(worker, f"theano_models:{name}", tmp_path / "m.onnx")
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    worker.call("save_inputs", name=name, folder=str(tmp_path / "in"))
    worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "out")])
    expected, arrays = read_tensors(tmp_path / "out"), read_tensors(tmp_path / "in")
    got = in_onnxruntime(tmp_path / "m.onnx", {k: np.asarray(v) for k, v in arrays.items()})
    assert set(got) == set(expected)
    for key, array in got.items():
        assert (array.shape, array.dtype) == (expected[key].shape, expected[key].dtype), key
        np.testing.assert_allclose(array, expected[key], rtol=2e-5, atol=2e-5, err_msg=key)


def test_a_compiled_function_is_a_source(worker, tmp_path):
    answer = export(worker, "theano_models:counted", tmp_path / "m.onnx")
    assert answer["outputs"] == ["y"]
    assert answer["notes"] == ["1 shared variable(s) that it updates stay as they are"]
    x = np.array([1, 2, 3], np.float32)
    assert in_onnxruntime(tmp_path / "m.onnx", {"x": x})["y"].tolist() == [2, 4, 6]


def test_a_pickle_needs_trust(worker, tmp_path):
    path = tmp_path / "f.pkl"
    worker.call("save", name="counted", path=str(path))
    with pytest.raises(InvalidModel, match="any code that it carries"):
        export(worker, str(path), tmp_path / "m.onnx")
    assert export(worker, str(path), tmp_path / "m.onnx", trust=True)["inputs"] == ["x"]
    (tmp_path / "f.pkl").write_bytes(b"not a pickle")
    with pytest.raises(InvalidModel, match=r"f\.pkl is no pickle"):
        export(worker, str(path), tmp_path / "m.onnx", trust=True)


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [
        ("drawn", UnsupportedOperator, "RandomFunction.*no converter"),
        ("unsized", UsageError, "do not say the sizes of the inputs: x"),
        ("number", UsageError, "gave a int, and no inputs and outputs"),
        ("missing", UsageError, "has no 'missing'"),
    ],
)
def test_what_cannot_be_exported_is_told(worker, tmp_path, name, kind, why):
    with pytest.raises(kind, match=why):
        export(worker, f"theano_models:{name}", tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small ONNX model as a Theano artifact: Gemm over an open batch, and what follows."""
    folder = tmp_path_factory.mktemp("small")
    weights = {"w": np.eye(3, 2, dtype=np.float32), "b": np.array([0.5, -0.5], np.float32)}
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["y"]),
        helper.make_node("Greater", ["h", "y"], ["below"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2]),
            helper.make_tensor_value_info("below", TensorProto.BOOL, ["n", 2]),
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    imports = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), folder / "m.onnx")
    done = interop.convert(str(folder / "m.onnx"), target="theano", output=folder / "out")
    assert done.grade == "A"
    return done.folder


def test_the_artifact_stands_alone_with_its_batch_open(small, environment, tmp_path):
    code = f"""
import os, sys
os.environ["THEANO_FLAGS"] = "cxx=,base_compiledir={tmp_path}"
sys.path.insert(0, ".")
import model, numpy as np, theano
inputs, outputs = model.load()
function = theano.function(list(inputs.values()), outputs)
for n in (1, 4):
    print(function(-np.ones((n, 3), "float32"))["y"].tolist())
loss = outputs["y"].sum()
(gradient,) = theano.grad(loss, [v for v in theano.gof.graph.inputs([loss]) if v.name == "w"])
print(theano.function(list(inputs.values()), gradient)(np.ones((2, 3), "float32")).tolist())
print("interop" in sys.modules)
"""
    done = subprocess.run(
        [environment.interpreter, "-I", "-c", code], cwd=small, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    row = [[0.0, 0.0]]
    gradient = [[2.0, 2.0]] * 3
    assert done.stdout.splitlines() == [*map(str, (row, row * 4, gradient)), "False"]
    recorded = json.loads((small / "manifest.json").read_text())["artifacts"]
    assert [one["path"] for one in recorded] == ["model.py", "weights.safetensors"]


def test_an_artifact_as_a_source_needs_trust(small, tmp_path):
    with pytest.raises(InvalidModel, match=r"would run its model\.py"):
        interop.convert(str(small), target="torch", output=tmp_path / "out")
    back = interop.convert(str(small), target="torch", output=tmp_path / "out", trust=True)
    assert back.grade == "A"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.long if n == "resnet50" else ())
        for n, e in ZOO.items()
        if "theano" in e.definitions
    ],
)
def test_definitions_agree(name, open_worker, worker, exported, tmp_path):
    """Images with a C compiler, in Python they would take minutes; what else there is without."""
    entry, folder = ZOO[name], exported(name)
    specs = [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs]
    images = any(len(one.shape) == 4 for one in entry.inputs) or name == "dcgan"
    chosen = open_worker("theano") if images else worker
    export(
        chosen, entry.definitions["theano"], tmp_path / "m.onnx", inputs=specs,
        outputs=list(entry.outputs),
    )  # fmt: skip
    chosen.call("run", inputs=[str(folder / "in")], outputs=[str(tmp_path / "theano")])
    expected, got = read_tensors(folder / "torch"), read_tensors(tmp_path / "theano")
    for output in entry.outputs:
        wanted = np.asarray(expected[output], np.float64)
        assert got[output].shape == wanted.shape
        assert np.sqrt(np.mean((got[output] - wanted) ** 2) / np.mean(wanted**2)) < 1e-5


@pytest.mark.slow
def test_a_zoo_model_goes_out_and_one_comes_in(tmp_path):
    out = interop.convert("dlrm", source="theano", target="torch", output=tmp_path / "out")
    back = interop.convert("dlrm", source="torch", target="theano", output=tmp_path / "back")
    assert (out.grade, back.grade) == ("A", "A")
    assert "T.dot(" in (back.folder / "model.py").read_text()


#: A sum of rows that goes on while it is small, at most so many turns.
_LOOP = """<ir_version: 10, opset_import: ["": 20]>
agraph (float[7, 3] x, int64 limit, bool yes) => (float[3] y, float[turns, 3] rows)
<float[3] zero = {{0, 0, 0}}, float most = {{4.0}}> {{
    y, rows = Loop ({limit}, yes, zero) <body = body
        (int64 turn, bool going, float[3] sum) => (bool next, float[3] total, float[3] row) {{
            row = Gather (x, turn)
            total = Add (sum, row)
            s = ReduceSum <keepdims = 0> (total)
            next = {next}
        }}>
}}"""


def test_a_loop_turns_as_often_as_it_should(open_worker, tmp_path):
    """To its limit, until its condition fails, and not at all."""
    x = np.full((7, 3), 0.5, np.float32)
    model = parser.parse_model(_LOOP.format(limit="limit", next="Less (s, most)"))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    cases, turns = [], []
    for limit, yes in ((0, True), (1, True), (2, True), (7, True), (5, False)):
        inputs = (x, np.array(limit, np.int64), np.array(yes))
        outputs = session.run(None, dict(zip(("x", "limit", "yes"), inputs, strict=True)))
        cases.append(Case(f"{limit}_{yes}", model, inputs, tuple(outputs), 1e-6, 1e-6))
        turns.append(len(outputs[1]))
    assert turns == [0, 1, 2, 3, 0]
    worker = open_worker("theano", "theano_sources")
    found = run(cases, "theano", worker, tmp_path / "good")
    assert found == dict.fromkeys(found, "")
    # One that stops a turn late is told from it.
    late = parser.parse_model(_LOOP.format(limit="limit", next="LessOrEqual (s, most)"))
    late.graph.initializer[1].float_data[0] = 4.5
    wrong = [Case(one.name, late, one.inputs, one.outputs, 1e-6, 1e-6) for one in cases]
    found = run(wrong, "theano", worker, tmp_path / "late")
    assert [name for name, reason in found.items() if reason] == ["7_True"]


def test_a_loop_without_a_limit_is_refused(tmp_path):
    model = parser.parse_model(_LOOP.format(limit="", next="Less (s, most)"))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UnsupportedOperator, match="a loop without a limit"):
        interop.convert(str(tmp_path / "m.onnx"), target="theano", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
