"""JAX as a target: what is written needs nothing but JAX, keeps its sizes open, and can be traced."""

from __future__ import annotations

import subprocess

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import interop
from interop.environments import provide

pytestmark = pytest.mark.slow

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def save(path, nodes, inputs, outputs, weights=(), opset=20):
    """An ONNX file; inputs and outputs as (name, dtype, shape)."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in dict(weights).items()],
    )
    imports = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=10), path)
    return str(path)


def python(folder, code):
    """What `code` prints in a bare JAX interpreter, in `folder`."""
    done = subprocess.run(
        [provide("jax").interpreter, "-I", "-c", f"import sys; sys.path.insert(0, '.')\n{code}"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def small(tmp_path):
    """A linear layer with a ReLU, over a batch of any size."""
    weights = {"w": np.eye(3, 2, dtype=np.float32), "b": np.array([0.5, -0.5], np.float32)}
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["y"]),
    ]
    model = save(
        tmp_path / "m.onnx", nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 2])], weights
    )
    done = interop.convert(model, source="onnx", target="jax", output=tmp_path / "out")
    assert done.grade == "A"
    return done


def test_the_artifact_stands_alone_with_its_batch_open(small):
    code = """
import jax, jax.export, numpy as np
program = jax.export.deserialize(open("model.jax", "rb").read())
for n in (1, 4):
    print(np.asarray(program.call(x=-np.ones((n, 3), np.float32))["y"]).tolist())
print("interop" in sys.modules, jax.config.jax_enable_x64, "cuda" in program.platforms)
"""
    rows = [[0.0, 0.0]]
    assert python(small.folder, code).splitlines() == [str(rows), str(rows * 4), "False False True"]


def test_the_source_is_differentiated_by_its_parameters(small):
    code = """
import jax, jax.numpy as jnp, model
params, constants = model.load()
loss = lambda p: model.apply(p, constants, jnp.ones((2, 3)))["y"].sum()
print(sorted(params), jax.grad(loss)(params)["b"].tolist())
"""
    assert python(small.folder, code) == "['b', 'w'] [2.0, 2.0]"


def test_what_is_measured_is_no_parameter(tmp_path):
    four = {n: np.full(4, v, np.float32) for n, v in [("s", 2), ("b", 1), ("m", 3), ("v", 4)]}
    nodes = [helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"])]
    shape = ["n", 4, 5]
    model = save(tmp_path / "m.onnx", nodes, [("x", FLOAT, shape)], [("y", FLOAT, shape)], four)
    done = interop.convert(model, source="onnx", target="jax", output=tmp_path / "out")
    code = "import model; print(*map(sorted, model.load()))"
    assert python(done.folder, code) == "['b', 's'] ['m', 'v']"


def test_64_bits_are_asked_for_where_they_occur(tmp_path):
    nodes = [helper.make_node("Mul", ["x", "x"], ["y"])]
    model = save(tmp_path / "m.onnx", nodes, [("x", INT64, ["n"])], [("y", INT64, ["n"])])
    done = interop.convert(model, source="onnx", target="jax", output=tmp_path / "out")
    assert done.grade == "A"
    code = """
import numpy as np, model
print(int(model.apply(*model.load(), np.array([3 * 2**20]))["y"][0]))
"""
    assert python(done.folder, code) == str(9 * 2**40)
    assert "jax_enable_x64" in (done.folder / "model.py").read_text()


def branch(name, operator):
    return helper.make_graph(
        [helper.make_node(operator, ["x", "x"], [f"{name}_y"])],
        name,
        [],
        [helper.make_tensor_value_info(f"{name}_y", FLOAT, ["n"])],
    )


def test_branches_and_loops_on_data_are_traced(tmp_path):
    body = helper.make_graph(
        [
            helper.make_node("Add", ["a", "a"], ["a_out"]),
            helper.make_node("ReduceSum", ["a_out"], ["total"], keepdims=0),
            helper.make_node("Less", ["total", "hundred"], ["going_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", INT64, []),
            helper.make_tensor_value_info("going", BOOL, []),
            helper.make_tensor_value_info("a", FLOAT, ["n"]),
        ],
        [
            helper.make_tensor_value_info("going_out", BOOL, []),
            helper.make_tensor_value_info("a_out", FLOAT, ["n"]),
        ],
    )
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["positive"]),
        helper.make_node(
            "If",
            ["positive"],
            ["z"],
            then_branch=branch("t", "Add"),
            else_branch=branch("e", "Mul"),
        ),
        helper.make_node("Loop", ["", "", "z"], ["y"], body=body),
    ]
    weights = {"zero": np.float32(0), "hundred": np.float32(100)}
    model = save(tmp_path / "m.onnx", nodes, [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])], weights)
    done = interop.convert(model, source="onnx", target="jax", output=tmp_path / "out")
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert done.manifest["target"]["graph"]["program"]
    code = """
import numpy as np, jax, jax.export
program = jax.export.deserialize(open("model.jax", "rb").read())
for x in ([3.0, 1.0], [-3.0, 1.0, 0.0]):
    print(np.asarray(program.call(x=np.array(x, np.float32))["y"]).tolist())
"""
    assert python(done.folder, code).splitlines() == ["[96.0, 32.0]", "[144.0, 16.0, 0.0]"]


def test_sizes_that_depend_on_data_leave_the_source(tmp_path):
    nodes = [helper.make_node("NonZero", ["x"], ["y"])]
    model = save(tmp_path / "m.onnx", nodes, [("x", FLOAT, ["n"])], [("y", INT64, [1, "k"])])
    done = interop.convert(model, source="onnx", target="jax", output=tmp_path / "out")
    assert done.passed, done.manifest["rule"]["sentence"]
    assert not done.manifest["target"]["graph"]["program"]
    assert not (done.folder / "model.jax").exists()
    code = """
import numpy as np, model
print(model.apply(*model.load(), np.array([0, 2, 0, 1], np.float32))["y"].tolist())
"""
    assert python(done.folder, code) == "[[1, 3]]"


def test_four_bit_weights_are_numbers_under_their_own_name(tmp_path):
    """ONNX Runtime would round the other factor to eight bits, and the artifact would be blamed."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.integers(-8, 8, (64, 32)).astype(ml_dtypes.int4),
        "scale": rng.uniform(0.5, 1.5, (2, 32)).astype(np.float32),
        "zero": rng.integers(-2, 2, (2, 32)).astype(ml_dtypes.int4),
    }
    nodes = [
        helper.make_node("DequantizeLinear", [*weights], ["d"], axis=0, block_size=32),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    model = save(
        tmp_path / "m.onnx",
        nodes,
        [("x", FLOAT, ["n", 64])],
        [("y", FLOAT, ["n", 32])],
        weights,
        21,
    )
    done = interop.convert(model, source="onnx", target="jax", output=tmp_path / "out")
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert python(done.folder, "import model; print(*map(sorted, model.load()))") == "['w'] []"
