"""Printed expressions mean what was written, and refusals name every node at once."""

from __future__ import annotations

import ast
import operator
import random

import ml_dtypes
import numpy as np
import onnx
import pytest
from interop.converters.tensorflow.importer import lower
from onnx import TensorProto, helper, numpy_helper

from interop.errors import UnsupportedOperator
from interop.graph.canonical import canonicalize
from interop.graph.layout import to_channels_last
from interop.source.expression import Expression, Symbol, literal
from interop.source.printer import identifier

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.floordiv,
    operator.mod,
    operator.and_,
    operator.or_,
]


def grow(rng, depth):
    """A random expression over `x` and `y` (3 and 7), and the number that it stands for."""
    if depth == 0 or rng.random() < 0.2:
        name, value = rng.choice([("x", 3), ("y", 7)])
        return Expression(name), value
    kind = rng.choice(["binary", "binary", "literal", "negative"])
    left, a = grow(rng, depth - 1)
    if kind == "negative":
        return -left, -a
    if kind == "literal":
        right = b = rng.choice([-2, 1, 5])
    else:
        right, b = grow(rng, depth - 1)
    choose = rng.choice(BINARY)
    if choose in (operator.floordiv, operator.mod) and b == 0:
        choose = operator.add
    return choose(left, right), choose(a, b)


@pytest.mark.parametrize("seed", range(300))
def test_parentheses_where_they_are_needed(seed):
    expression, value = grow(random.Random(seed), 5)
    assert eval(expression.text, {"x": 3, "y": 7}) == value


def test_no_parentheses_where_they_are_not():
    x, y = Expression("x"), Expression("y")
    assert (x * y + 1).text == "x * y + 1"
    assert (x * (y + 1)).text == "x * (y + 1)"
    assert (x - (y - 1)).text == "x - (y - 1)"


def test_calls_and_indices():
    tf, x = Symbol("tf"), Expression("x")
    call = tf.nn.pool(x + 1, [2, None], mode="same", rate=1.5)
    assert call.text == "tf.nn.pool(x + 1, [2, None], mode='same', rate=1.5)"
    assert x[:, 1:, ..., None].text == "x[:, 1:, ..., None]"
    assert (x + 1)[0].text == "(x + 1)[0]"


@pytest.mark.parametrize(
    "value",
    [
        1,
        -3,
        True,
        None,
        "a'b",
        0.1,
        -1e-12,
        1e300,
        np.float32(0.1),
        np.int64(2**62),
        [1, [2.5]],
        (1,),
        np.arange(3),
    ],
)
def test_literals_are_read_back(value):
    found = ast.literal_eval(literal(value))
    if isinstance(value, np.float32):
        assert np.float32(found) == value
    else:
        assert found == (value.tolist() if isinstance(value, np.ndarray) else value)


def test_literals_that_python_has_no_word_for():
    assert eval(literal(float("inf"))) == float("inf")
    assert eval(literal(float("-inf"))) == float("-inf")
    assert np.isnan(eval(literal(float("nan"))))
    assert eval(literal(ml_dtypes.bfloat16(1.5))) == 1.5


@pytest.mark.parametrize(
    ("name", "expected"),
    [("conv1.weight", "conv1_weight"), ("1x", "v_1x"), ("class", "v_class"), ("::", "value")],
)
def test_identifiers(name, expected):
    assert identifier(name) == expected


def test_every_refused_node_is_named(tmp_path):
    """One has no lowering, one is refused by its own; the good one between them is not mentioned."""
    graph = helper.make_graph(
        [
            helper.make_node("Det", ["x"], ["a"], name="fine"),
            helper.make_node("ImageDecoder", ["p"], ["b"], name="nobody_lowers_it"),
            helper.make_node(
                "QuantizeLinear",
                ["x", "s"],
                ["c"],
                name="too_special",
                output_dtype=TensorProto.FLOAT8E4M3FNUZ,
            ),
        ],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 3]),
            helper.make_tensor_value_info("p", TensorProto.UINT8, [None]),
            helper.make_tensor_value_info("s", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("a", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("b", TensorProto.UINT8, [None, None, 3]),
            helper.make_tensor_value_info("c", TensorProto.FLOAT8E4M3FNUZ, [3, 3]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(UnsupportedOperator) as caught:
        lower(to_channels_last(canonicalize(tmp_path / "m.onnx")))
    assert "2 node(s)" in caught.value.message
    assert "ai.onnx::ImageDecoder-23 (node 'nobody_lowers_it'): no lowering" in caught.value.message
    assert (
        "node 'too_special'): quantisation to float8_e4m3fnuz is not covered"
        in caught.value.message
    )
    assert "fine" not in caught.value.message


def test_weights_keep_their_names_and_their_numbers(tmp_path):
    """A transposed weight is stored in C order: files know nothing of strides."""
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["net.weight"], ["t"], perm=[1, 0]),
            helper.make_node("MatMul", ["x", "t"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weight, "net.weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    [stored] = lower(to_channels_last(canonicalize(tmp_path / "m.onnx"))).weights.values()
    assert stored.flags.c_contiguous
    np.testing.assert_array_equal(stored, weight.T)
