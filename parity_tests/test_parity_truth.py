"""The float64 truth: double from end to end, subgraphs included, or a refusal that names a node."""

from __future__ import annotations

import tracemalloc

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.errors import InvalidModel, UnsupportedOperator
from interop.parity.settings import subgraphs
from interop.parity.truth.double import NARROW, double_model
from interop.parity.truth.evaluator import Truth

N = helper.make_node


def model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list]],
    outputs: dict[str, int],
    constants: dict[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()],
        [helper.make_tensor_value_info(n, t, None) for n, t in outputs.items()],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)


X = {"x": (TensorProto.FLOAT, [4])}
x = np.array([0.1, -1.7, 2.3, 1e-3], dtype=np.float32)


def branch(name: str, factor: float) -> onnx.GraphProto:
    nodes = [
        N("Constant", [], [f"{name}_f"], value_float=factor),
        N("Cast", ["third"], [f"{name}_c"], to=TensorProto.FLOAT),
        N("Mul", [f"{name}_c", f"{name}_f"], [f"{name}_out"]),
    ]
    out = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, None)
    return helper.make_graph(nodes, name, [], [out])


def with_subgraph() -> onnx.ModelProto:
    nodes = [
        N("Constant", [], ["three"], value_floats=[3.0]),
        N("Div", ["x", "three"], ["third"]),
        N("If", ["c"], ["y"], then_branch=branch("then", 3.0), else_branch=branch("else", 1.0)),
    ]
    return model(nodes, {**X, "c": (TensorProto.BOOL, [])}, {"y": TensorProto.FLOAT})


def narrow_types(graph: onnx.GraphProto) -> list[str]:
    found = [t.name for t in graph.initializer if t.data_type in NARROW]
    values = [*graph.input, *graph.output, *graph.value_info]
    found += [v.name for v in values if v.type.tensor_type.elem_type in NARROW]
    for node in graph.node:
        found += [node.op_type for a in node.attribute if a.t.data_type in NARROW]
        found += [node.op_type for a in node.attribute if a.name == "to" and a.i in NARROW]
        found += [name for body in subgraphs(node) for name in narrow_types(body)]
    return found


def test_twin_has_no_narrow_type_left_and_the_original_is_untouched() -> None:
    original = with_subgraph()
    before = original.SerializeToString()
    assert narrow_types(original.graph)
    assert narrow_types(double_model(original).graph) == []
    assert original.SerializeToString() == before


def test_truth_is_double_in_subgraphs_too() -> None:
    truth = Truth(with_subgraph())
    wide = x.astype(np.float64)
    (y,) = truth.run({"x": x, "c": np.array(True)}).values()
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, wide / 3 * 3)
    (y,) = truth.run({"x": x, "c": np.array(False)}).values()
    np.testing.assert_array_equal(y, wide / 3)


@pytest.mark.parametrize("op", ["Exp", "Tanh", "Sigmoid", "Erf", "Gelu", "Softplus", "HardSwish"])
def test_functions_are_computed_in_double(op: str) -> None:
    """A value that lost its double in passing would be a float32 number in disguise."""
    truth = Truth(model([N(op, ["x"], ["y"])], X, {"y": TensorProto.FLOAT}))
    (y,) = truth.run({"x": x}).values()
    assert y.dtype == np.float64
    assert not np.any(y == y.astype(np.float32))


def test_constant_of_shape_and_narrow_casts() -> None:
    nodes = [
        N("ConstantOfShape", ["shape"], ["zeros"]),
        N("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        N("Add", ["h", "zeros"], ["y"]),
    ]
    built = model(nodes, X, {"y": TensorProto.FLOAT16}, {"shape": np.array([4])})
    (y,) = Truth(built).run({"x": x}).values()
    np.testing.assert_array_equal(y, x.astype(np.float64))


@pytest.mark.parametrize(
    "node",
    [
        N("RandomNormalLike", ["x"], ["y"], name="noise"),
        N("Dropout", ["x", "", "training"], ["y"], name="noise"),
    ],
)
def test_random_nodes_are_refused_by_name(node: onnx.NodeProto) -> None:
    built = model([node], X, {"y": TensorProto.FLOAT}, {"training": np.array(True)})
    with pytest.raises(UnsupportedOperator, match="noise"):
        Truth(built)


def test_an_operator_that_the_evaluator_lacks_is_written_out_in_double() -> None:
    pooled = N("MaxRoiPool", ["x", "rois"], ["y"], name="roi", pooled_shape=[2, 2])
    inputs = {"x": (TensorProto.FLOAT, [1, 2, 8, 8]), "rois": (TensorProto.FLOAT, [1, 5])}
    built = onnx.shape_inference.infer_shapes(model([pooled], inputs, {"y": TensorProto.FLOAT}))
    built.opset_import[0].version = 21  # ONNX Runtime has no later one
    feeds = {
        "x": np.random.default_rng(0).standard_normal((1, 2, 8, 8)).astype(np.float32),
        "rois": np.array([[0, 1, 1, 6, 7]], dtype=np.float32),
    }
    truth = Truth(built)
    assert truth.written_out == ("roi",)
    session = ort.InferenceSession(built.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = truth.run(feeds).values()
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, session.run(None, feeds)[0])
    assert Truth(model([N("Neg", ["x"], ["y"])], X, {"y": TensorProto.FLOAT})).written_out == ()


def test_an_operator_that_nobody_knows_is_named() -> None:
    built = model([N("Magic", ["x"], ["y"], domain="com.example")], X, {"y": TensorProto.FLOAT})
    built.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(UnsupportedOperator, match=r"com\.example::Magic"):
        Truth(built)


def test_a_node_that_fails_is_named() -> None:
    built = model(
        [N("MatMul", ["x", "w"], ["y"], name="product")], X, {"y": TensorProto.FLOAT},
        {"w": np.zeros((5, 2), np.float32)},
    )  # fmt: skip
    with pytest.raises(InvalidModel, match="MatMul 'product'"):
        Truth(built).run({"x": x})


def test_a_value_that_falls_out_of_double_is_refused() -> None:
    """The reference counts words in float32, whatever it is told."""
    node = N(
        "TfIdfVectorizer", ["words"], ["y"], mode="TF", min_gram_length=1, max_gram_length=1,
        max_skip_count=0, ngram_counts=[0], ngram_indexes=[0, 1], pool_int64s=[7, 8],
    )  # fmt: skip
    built = model([node], {"words": (TensorProto.INT64, [3])}, {"y": TensorProto.FLOAT})
    with pytest.raises(UnsupportedOperator, match=r"TfIdfVectorizer.*float32"):
        Truth(built).run({"words": np.array([7, 8, 7])})


def test_windows_and_mel_matrices_are_in_double_unasked() -> None:
    """Against the definitions: 0.5 - 0.5 cos(2 pi n / N), and a mel matrix of ONNX Runtime."""
    (hann,) = Truth(
        model([N("HannWindow", ["n"], ["y"])], {}, {"y": TensorProto.FLOAT}, {"n": np.array(10)})
    ).run({}).values()  # fmt: skip
    np.testing.assert_allclose(hann, 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(10) / 10), atol=1e-15)
    assert hann.dtype == np.float64
    constants = {
        n: np.array(v, np.float32 if n in ("lo", "hi") else np.int64)
        for n, v in {"b": 4, "d": 8, "r": 8000, "lo": 0.0, "hi": 4000.0}.items()
    }
    node = N("MelWeightMatrix", list(constants), ["y"])
    built = model([node], {}, {"y": TensorProto.FLOAT}, constants)
    built.opset_import[0].version = 17
    (mel,) = Truth(built).run({}).values()
    session = ort.InferenceSession(built.SerializeToString(), providers=["CPUExecutionProvider"])
    assert mel.dtype == np.float64
    np.testing.assert_allclose(mel, session.run(None, {})[0], atol=1e-6)


def test_loop_stacks_its_scan_outputs_and_takes_an_absent_condition() -> None:
    body = helper.make_graph(
        [
            N("Identity", ["going"], ["still"]),
            N("Add", ["state", "step"], ["next"]),
            N("Identity", ["next"], ["seen"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [2, 2]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [2, 2]),
            helper.make_tensor_value_info("seen", TensorProto.FLOAT, [2, 2]),
        ],
    )
    nodes = [N("Loop", ["n", "", "start"], ["last", "all"], body=body)]
    constants = {"start": np.zeros((2, 2), np.float32), "step": np.float32(1.5)}
    inputs = {"n": (TensorProto.INT64, [])}
    built = model(nodes, inputs, dict.fromkeys(("last", "all"), TensorProto.FLOAT), constants)
    for count in (3, 0):
        outputs = Truth(built).run({"n": np.array(count)})
        np.testing.assert_array_equal(outputs["last"], np.full((2, 2), 1.5 * count))
        assert outputs["all"].shape == (count, 2, 2)


def test_values_are_freed_after_their_last_use() -> None:
    size = 1 << 20  # 8 MiB in double
    nodes = [N("Neg", [f"v{i}"], [f"v{i + 1}"]) for i in range(12)]
    inputs = {"v0": (TensorProto.FLOAT, [size])}
    truth = Truth(model(nodes, inputs, {"v12": TensorProto.FLOAT}))
    feeds = {"v0": np.ones(size, np.float32)}
    tracemalloc.start()
    truth.run(feeds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 8 * size


def matrices(count: int, size: int) -> onnx.ModelProto:
    weights = {
        f"w{i}": np.random.default_rng(i).standard_normal((size, size)).astype(np.float32)
        for i in range(count)
    }
    nodes = [N("MatMul", [f"v{i}", f"w{i}"], [f"v{i + 1}"]) for i in range(count)]
    inputs = {"v0": (TensorProto.FLOAT, [1, size])}
    return model(nodes, inputs, {f"v{count}": TensorProto.FLOAT}, weights)


def peak(work) -> int:
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_weights_are_widened_one_node_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    built, feeds = matrices(12, 512), {"v0": np.ones((1, 512), np.float32)}
    one = 512 * 512 * 8
    kept = peak(lambda: Truth(built).run(feeds))
    assert kept > 12 * one  # a small model's are kept for the next run
    monkeypatch.setattr("interop.parity.truth.evaluator.KEPT", 0)
    assert peak(lambda: Truth(built).run(feeds)) < 4 * one
    truth = Truth(built)
    first, again = truth.run(feeds)["v12"], truth.run(feeds)["v12"]
    np.testing.assert_array_equal(first, again)


def test_a_body_reads_weights_that_are_not_in_the_graph() -> None:
    body = helper.make_graph(
        [N("MatMul", ["state", "w"], ["next"]), N("Identity", ["next"], ["seen"])],
        "body",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 64]) for n in ("state", "x")],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 64]) for n in ("next", "seen")],
    )
    w = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32) / 8
    nodes = [N("Scan", ["s", "xs"], ["last", "y"], body=body, num_scan_inputs=1)]
    inputs = {"s": (TensorProto.FLOAT, [1, 64]), "xs": (TensorProto.FLOAT, [3, 1, 64])}
    built = model(nodes, inputs, {"last": TensorProto.FLOAT}, {"w": w})
    s = np.ones((1, 64), np.float32)
    (last,) = Truth(built).run({"s": s, "xs": np.zeros((3, 1, 64), np.float32)}).values()
    np.testing.assert_allclose(
        last, s @ np.linalg.matrix_power(w.astype(np.float64), 3), rtol=1e-12
    )
