"""What torch's importer makes of whole graphs: calls that read as one would write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from interop.converters.torch.importer import lower
from onnx import TensorProto, helper, numpy_helper

from interop.graph.canonical import canonicalize

RNG = np.random.default_rng(3)


def source(tmp_path: Path, nodes, inputs, outputs, weights):
    """The `forward` that is printed, and the weights that it keeps."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(model, tmp_path / "m.onnx")
    made = lower(canonicalize(tmp_path / "m.onnx"))
    return made, made.text[made.text.index("def forward") :]


def weight(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def attention(scale=0.5, turned=True, mask=False):
    """softmax(q · √s @ (k · √s)ᵀ [+ mask]) @ v as exporters spell it out."""
    nodes = [
        helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 1, 3, 2] if turned else [0, 1, 2, 3]),
        helper.make_node("Mul", ["q", "s"], ["qs"]),
        helper.make_node("Mul", ["kt", "s"], ["ks"]),
        helper.make_node("MatMul", ["qs", "ks"], ["scores"]),
    ]
    last = "scores"
    if mask:
        nodes.append(helper.make_node("Add", ["scores", "mask"], ["masked"]))
        last = "masked"
    nodes += [
        helper.make_node("Softmax", [last], ["p"], axis=-1),
        helper.make_node("MatMul", ["p", "v"], ["y"]),
    ]
    return nodes, {"s": np.float32(scale)}


HEADS = {"q": ["batch", 2, 5, 16], "k": ["batch", 2, 5, 16], "v": ["batch", 2, 5, 16]}


def test_a_product_and_a_sum_are_one_linear_layer(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "b"], ["y"]),
    ]
    weights = {"w": weight(4, 3), "b": weight(3)}
    made, text = source(tmp_path, nodes, {"x": ["n", 7, 4]}, ["y"], weights)
    assert "y = F.linear(x, self.w, self.b)" in text
    np.testing.assert_array_equal(made.weights["w"], weights["w"].T)


def test_a_weight_that_others_read_keeps_its_order(tmp_path):
    linear = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("Gemm", ["u", "w", "b"], ["z"]),
    ]
    other = helper.make_node("MatMul", ["w", "s"], ["product"])
    weights = {"w": weight(4, 3), "b": weight(3)}
    inputs = {"x": ["n", 4], "u": ["n", 4], "s": [3, 4]}
    made, text = source(tmp_path, linear, inputs, ["y", "z"], weights)
    assert "y = F.linear(x, self.w)" in text
    assert "z = F.linear(u, self.w, self.b)" in text
    np.testing.assert_array_equal(made.weights["w"], weights["w"].T)
    made, text = source(tmp_path, [*linear, other], inputs, ["y", "z", "product"], weights)
    assert "y = F.linear(x, self.w.t())" in text
    assert "z = F.linear(u, self.w.t(), self.b)" in text
    np.testing.assert_array_equal(made.weights["w"], weights["w"])


def test_a_product_that_others_read_stays_apart(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "b"], ["y"]),
    ]
    weights = {"w": weight(4, 3), "b": weight(3)}
    _, text = source(tmp_path, nodes, {"x": ["n", 7, 4]}, ["y", "xw"], weights)
    assert "F.linear(x, self.w)" in text
    assert "xw + self.b" in text


def test_a_bias_of_another_shape_is_no_bias(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "b"], ["y"]),
    ]
    weights = {"w": weight(4, 3), "b": weight(7, 3)}
    _, text = source(tmp_path, nodes, {"x": ["n", 7, 4]}, ["y"], weights)
    assert "F.linear(x, self.w)\n" in text
    assert "+ self.b" in text


@pytest.mark.parametrize("mask", [False, True])
def test_attention_spelt_out_becomes_one_call(tmp_path, mask):
    nodes, weights = attention(mask=mask)
    inputs = {**HEADS, **({"mask": ["batch", 1, 5, 5]} if mask else {})}
    _, text = source(tmp_path, nodes, inputs, ["y"], weights)
    given = ", attn_mask=mask" if mask else ""
    # 0.5 · 0.5 is torch's own scale for heads of 16.
    assert f"y = F.scaled_dot_product_attention(q, k, v{given})" in text
    assert "softmax" not in text


def test_attention_as_jax_has_it(tmp_path):
    """Heads taken apart and keys turned in one, and the product scaled afterwards."""
    nodes = [
        helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["q", "kt"], ["product"]),
        helper.make_node("Mul", ["product", "s"], ["scores"]),
        helper.make_node("Add", ["scores", "mask"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["p"], axis=-1),
        helper.make_node("MatMul", ["p", "v"], ["y"]),
    ]
    inputs = {**HEADS, "k": ["batch", 5, 2, 16], "mask": ["batch", 1, 5, 5]}
    _, text = source(tmp_path, nodes, inputs, ["y"], {"s": np.float32(0.25)})
    assert "F.scaled_dot_product_attention(q, x, v, attn_mask=mask)" in text
    assert "k.permute([0, 2, 1, 3])" in text
    # Keys that are turned otherwise are other keys.
    nodes[0] = helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 2, 1, 3])
    inputs["k"] = ["batch", 16, 2, 5]
    _, text = source(tmp_path, nodes, inputs, ["y"], {"s": np.float32(0.25)})
    assert "F.softmax" in text


def test_another_scale_is_said(tmp_path):
    nodes, weights = attention(scale=0.1)
    _, text = source(tmp_path, nodes, HEADS, ["y"], weights)
    assert "scale=0.01" in text


def test_what_only_looks_like_attention_is_left(tmp_path):
    """Without the transposition; and with heads that would have to be broadcast."""
    nodes, weights = attention(turned=False)
    inputs = {**HEADS, "k": ["batch", 2, 16, 5]}
    assert "F.softmax" in source(tmp_path, nodes, inputs, ["y"], weights)[1]
    nodes, weights = attention()
    inputs = {**HEADS, "k": ["batch", 1, 5, 16], "v": ["batch", 1, 5, 16]}
    assert "F.softmax" in source(tmp_path, nodes, inputs, ["y"], weights)[1]


def test_shapes_read_as_sizes_and_inputs_are_told(tmp_path):
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], start=0, end=1),
        helper.make_node("Concat", ["shape", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]
    made, text = source(
        tmp_path, nodes, {"x": ["batch", 3, 4]}, ["y"], {"rest": np.array([12], np.int64)}
    )
    assert "x.reshape([x.shape[0], 12])" in text
    assert "'x': ('float32', ['batch', 3, 4])" in made.text


def test_statistics_are_buffers_and_weights_are_parameters(tmp_path):
    names = ("scale", "bias", "mean", "var")
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("BatchNormalization", ["r", *names], ["y"]),
    ]
    weights = {name: np.abs(weight(3)) + 1 for name in names}
    made, _ = source(tmp_path, nodes, {"x": ["n", 3, 4, 4]}, ["y"], weights)
    assert "self.scale = nn.Parameter(weight('scale'))" in made.text
    assert "self.register_buffer('mean', weight('mean'))" in made.text


def test_names_that_a_module_has_of_its_own_are_not_taken(tmp_path):
    nodes = [helper.make_node("Add", ["x", "training"], ["half"]),
             helper.make_node("Mul", ["half", "forward"], ["y"])]  # fmt: skip
    weights = {"training": weight(3), "forward": weight(3)}
    made, text = source(tmp_path, nodes, {"x": ["n", 3]}, ["y"], weights)
    assert "self.training_1 = nn.Parameter(weight('training'))" in made.text
    assert "self.forward_1" in text
