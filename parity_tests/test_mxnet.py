"""MXNet: definitions of the zoo, models out of it and into it, and files that are not complete."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import onnx
import pytest
from interop.models import ZOO
from onnx import TensorProto, helper, numpy_helper

import interop
from interop.environments import provide
from interop.errors import InvalidModel
from interop.signature import TensorSpec
from interop.workers.tensors import read_tensors


def difference(a, b):
    """Root mean square of the difference, relative to that of `a`."""
    return float(np.sqrt(np.mean((a.astype(np.float64) - b) ** 2) / np.mean(a**2)))


@pytest.fixture(scope="module")
def mxnet_worker(open_worker):
    return open_worker("mxnet", "mxnet_definitions")


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, e in ZOO.items() if "mxnet" in e.definitions])
def test_definitions_agree(name, mxnet_worker, exported, tmp_path):
    entry = ZOO[name]
    folder = exported(name)
    mxnet_worker.call(
        "run_definition", definition=entry.definitions["mxnet"], inputs=str(folder / "in"),
        outputs=str(tmp_path / "mxnet"), names=list(entry.outputs),
    )  # fmt: skip
    expected, got = read_tensors(folder / "torch"), read_tensors(tmp_path / "mxnet")
    for output in entry.outputs:
        assert got[output].shape == expected[output].shape
        assert difference(np.asarray(expected[output]), np.asarray(got[output])) < 1e-5


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small ONNX model as an MXNet artifact: Gemm over an open batch, and what follows."""
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
    done = interop.convert(
        str(folder / "m.onnx"), source="onnx", target="mxnet", output=folder / "out"
    )
    assert done.grade == "A"
    return done.folder


def python(folder, code):
    """What `code` prints in a bare MXNet interpreter, in `folder`."""
    done = subprocess.run(
        [provide("mxnet").interpreter, "-I", "-c", f"import sys; sys.path.insert(0, '.')\n{code}"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_the_artifact_stands_alone_with_its_batch_open(small):
    code = """
import mxnet as mx
mx.npx.set_np()
block = mx.gluon.SymbolBlock.imports("model-symbol.json", ["x"], "model-0000.params")
block.hybridize()
for n in (1, 4):
    print([part.asnumpy().tolist() for part in block(-mx.np.ones((n, 3)))][0])
print("interop" in sys.modules)
"""
    rows = [[0.0, 0.0]]
    assert python(small, code).splitlines() == [str(rows), str(rows * 4), "False"]


@pytest.mark.slow
def test_the_source_rebuilds_it(small):
    code = """
import model, mxnet as mx
y, below = model.load()(mx.np.ones((1, 3)))
print(model.OUTPUTS, y.asnumpy().tolist(), below.asnumpy().tolist())
"""
    assert python(small, code) == "['y', 'below'] [[1.5, 0.5]] [[False, False]]"


@pytest.mark.slow
def test_missing_parameters_are_named(small, tmp_path):
    shutil.copy(small / "model-symbol.json", tmp_path)
    with pytest.raises(InvalidModel, match="no parameters beside it: w, b are not given"):
        interop.convert(
            str(tmp_path / "model-symbol.json"), target="torch", output=tmp_path / "out",
            inputs=(TensorSpec("x", "float32", ("n", 3)),),
        )  # fmt: skip
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_zoo_model_goes_out_and_one_comes_in(tmp_path):
    out = interop.convert("dlrm", source="mxnet", target="torch", output=tmp_path / "out")
    back = interop.convert("dlrm", source="torch", target="mxnet", output=tmp_path / "back")
    assert (out.grade, back.grade) == ("A", "A")
