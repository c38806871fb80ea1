"""Canonical models compute what the files compute, and broken files are refused in words."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.errors import InvalidModel, UnsupportedOperator
from interop.graph.canonical import CANONICAL_OPSET, canonicalize, save, signature_of

FLOAT = TensorProto.FLOAT


def value(name, shape, dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def proto(nodes, inputs, outputs, weights=None, opset=13, functions=(), domains=()):
    graph = helper.make_graph(
        nodes, "g", inputs, outputs,
        [numpy_helper.from_array(np.asarray(a), n) for n, a in (weights or {}).items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=list(functions))


def test_upgrades_and_computes_the_same(tmp_path):
    """Opset 11: axes are attributes of ReduceMean, and Softmax flattens from its axis on."""
    model = proto(
        [
            helper.make_node("Softmax", ["x"], ["s"], axis=1),
            helper.make_node("ReduceMean", ["s"], ["m"], axes=[2], keepdims=0),
            helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.float32(2))),
            helper.make_node("Mul", ["m", "two"], ["y"]),
        ],
        [value("x", ["n", 3, 4])],
        [value("y", ["n", 3])],
        opset=11,
    )
    onnx.save(model, tmp_path / "old.onnx")
    canonical = canonicalize(tmp_path / "old.onnx")
    save(canonical, tmp_path / "new.onnx")
    assert canonical.opset_imports[""] == CANONICAL_OPSET
    assert "Constant" not in {n.op_type for n in canonical.graph}
    feeds = {"x": np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)}
    old, new = (
        onnxruntime.InferenceSession(tmp_path / f).run(None, feeds)[0]
        for f in ("old.onnx", "new.onnx")
    )
    np.testing.assert_allclose(new, old, rtol=1e-6)


def test_shape_arithmetic_is_folded_and_names_are_kept(tmp_path):
    model = proto(
        [
            helper.make_node("Shape", ["x"], ["s"]),
            helper.make_node("Gather", ["s", "one"], ["c"]),
            helper.make_node("Concat", ["minus", "c"], ["t"], axis=0),
            helper.make_node("Reshape", ["x", "t"], ["y"]),
        ],
        [value("x", [2, 3, 4])],
        [value("y", None)],
        {"one": np.array([1], np.int64), "minus": np.array([-1], np.int64)},
    )
    model = onnx.shape_inference.infer_shapes(model)
    onnx.save(model, tmp_path / "m.onnx")
    canonical = canonicalize(tmp_path / "m.onnx")
    assert [n.op_type for n in canonical.graph] == ["Reshape"]
    assert canonical.graph[0].inputs[1].const_value.numpy().tolist() == [-1, 3]
    assert signature_of(canonical).to_json() == {
        "inputs": [{"name": "x", "dtype": "float32", "shape": [2, 3, 4]}],
        "outputs": [{"name": "y", "dtype": "float32", "shape": [8, 3]}],
    }


def test_unknown_dimensions_get_names(tmp_path):
    model = proto(
        [helper.make_node("Relu", ["x"], ["y"])], [value("x", ["?", -1, "t"])], [value("y", None)]
    )
    onnx.save(onnx.shape_inference.infer_shapes(model), tmp_path / "m.onnx")
    [spec] = signature_of(canonicalize(tmp_path / "m.onnx")).inputs
    assert spec.shape == ("x_dim0", "x_dim1", "t")


def test_a_zero_is_unknown_as_the_batch_and_a_size_elsewhere(tmp_path):
    nodes = [helper.make_node("Relu", [f"x{i}"], [f"y{i}"]) for i in range(3)]
    shapes = [[0, 3], [2, 0], [0]]
    inputs = [value(f"x{i}", shape) for i, shape in enumerate(shapes)]
    model = proto(nodes, inputs, [value(f"y{i}", None) for i in range(3)])
    onnx.save(onnx.shape_inference.infer_shapes(model), tmp_path / "m.onnx")
    specs = signature_of(canonicalize(tmp_path / "m.onnx")).inputs
    assert [spec.shape for spec in specs] == [("x0_dim0", 3), (2, 0), (0,)]


def test_a_size_that_was_only_traced_with_is_not_believed(tmp_path):
    """The file says that y and z are 32 long; they are as long as x. Of what nothing else is known
    (an operator of another domain), the file's word stands."""
    nodes = [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("Neg", ["y"], ["z"]),
        helper.make_node("Own", ["y"], ["v"], domain="mine"),
        helper.make_node("Neg", ["v"], ["w"]),
    ]
    outputs = [value("z", ["batch", 32]), value("w", ["batch", 7])]
    model = proto(nodes, [value("x", ["batch", "sequence"])], outputs, domains=["mine"])
    model.graph.value_info.append(value("y", ["batch", 32]))
    onnx.save(model, tmp_path / "m.onnx")
    canonical = canonicalize(tmp_path / "m.onnx")
    shapes = {value.name: value.shape for node in canonical.graph for value in node.outputs}
    assert shapes["y"] == shapes["z"] == ["batch", "sequence"]
    assert shapes["w"] == ["batch", 7]


def test_functions_are_inlined(tmp_path):
    double = helper.make_function(
        "mine", "Double", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 13)],
    )  # fmt: skip
    node = helper.make_node("Double", ["x"], ["y"], domain="mine")
    model = proto(
        [node], [value("x", [2])], [value("y", [2])], functions=[double], domains=["mine"]
    )
    onnx.save(model, tmp_path / "m.onnx")
    assert [n.op_type for n in canonicalize(tmp_path / "m.onnx").graph] == ["Add"]


def relu():
    return proto(
        [helper.make_node("Relu", ["x"], ["y"], name="r")], [value("x", [2])], [value("y", [2])]
    )


def external(location, length=8):
    model = proto(
        [helper.make_node("Add", ["x", "w"], ["y"])], [value("x", [2])], [value("y", [2])],
        {"w": np.ones(2, np.float32)},
    )  # fmt: skip
    [tensor] = model.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in (("location", location), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=text)
    return model


def bad_missing(folder):
    pass


def bad_text(folder):
    (folder / "m.onnx").write_text("I am no model, whatever my name is.\n" * 5)


def bad_empty(folder):
    (folder / "m.onnx").write_bytes(b"")


def bad_truncated(folder):
    model = proto(
        [helper.make_node("Add", ["x", "w"], ["y"])], [value("x", [900])], [value("y", [900])],
        {"w": np.ones(900, np.float32)},
    )  # fmt: skip
    (folder / "m.onnx").write_bytes(model.SerializeToString()[:2000])


def bad_operator(folder):
    model = relu()
    model.graph.node[0].op_type = "Rellu"
    onnx.save(model, folder / "m.onnx")


def bad_domain(folder):
    model = relu()
    model.graph.node[0].domain = "acme.ops"
    onnx.save(model, folder / "m.onnx")


def bad_graph(folder):
    model = relu()
    model.graph.node[0].input[0] = "nowhere"
    onnx.save(model, folder / "m.onnx")


def bad_types(folder):
    model = relu()
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    onnx.save(model, folder / "m.onnx")


def bad_external_missing(folder):
    onnx.save(external("weights.bin"), folder / "m.onnx")


def bad_external_outside(folder):
    (folder.parent / "secret.bin").write_bytes(bytes(8))
    onnx.save(external("../secret.bin"), folder / "m.onnx")


def bad_external_absolute(folder):
    onnx.save(external("/etc/hostname"), folder / "m.onnx")


def bad_external_short(folder):
    (folder / "weights.bin").write_bytes(bytes(3))
    onnx.save(external("weights.bin"), folder / "m.onnx")


def bad_external_link(folder):
    """A symbolic link inside the folder may not lead outside it."""
    (folder.parent / "secret.bin").write_bytes(bytes(8))
    (folder / "weights.bin").symlink_to(folder.parent / "secret.bin")
    onnx.save(external("weights.bin"), folder / "m.onnx")


def bad_external_inside_link(folder):
    (folder / "whole.bin").write_bytes(bytes(8))
    (folder / "weights.bin").symlink_to(folder / "whole.bin")
    onnx.save(external("weights.bin"), folder / "m.onnx")


def bad_external_checksum(folder):
    (folder / "weights.bin").write_bytes(bytes(8))
    model = external("weights.bin")
    model.graph.initializer[0].external_data.add(key="checksum", value="0" * 40)
    onnx.save(model, folder / "m.onnx")


def bad_external_place(folder):
    (folder / "weights.bin").write_bytes(bytes(8))
    onnx.save(external("weights.bin", length=-8), folder / "m.onnx")


def bad_external_in_function(folder):
    """Not only the main graph's tensors are read."""
    [tensor] = external("../secret.bin").graph.initializer
    constant = helper.make_node("Constant", [], ["w"], value=tensor)
    add = helper.make_node("Add", ["a", "w"], ["b"])
    opset = helper.make_opsetid("", 21)
    function = helper.make_function("own", "Biased", ["a"], ["b"], [constant, add], [opset])
    model = helper.make_model(
        helper.make_graph([helper.make_node("Biased", ["x"], ["y"], domain="own")], "g",
                          [value("x", [2])], [value("y", [2])]),
        opset_imports=[opset, helper.make_opsetid("own", 1)], functions=[function],
    )  # fmt: skip
    (folder / "m.onnx").write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (bad_missing, InvalidModel, "there is no file"),
        (bad_text, InvalidModel, "not an ONNX model"),
        (bad_empty, InvalidModel, "not an ONNX model"),
        (bad_truncated, InvalidModel, "truncated"),
        (bad_operator, UnsupportedOperator, "Rellu (node 'r')"),
        (bad_domain, UnsupportedOperator, "acme.ops::Relu (node 'r'"),
        (bad_graph, InvalidModel, "nowhere"),
        (bad_types, InvalidModel, "m.onnx"),
        (bad_external_missing, InvalidModel, "'weights.bin'"),
        (bad_external_outside, InvalidModel, "outside the model's folder"),
        (bad_external_absolute, InvalidModel, "outside the model's folder"),
        (bad_external_short, InvalidModel, "truncated"),
        (bad_external_link, InvalidModel, "outside the model's folder"),
        (bad_external_inside_link, InvalidModel, "is a link"),
        (bad_external_checksum, InvalidModel, "checksum"),
        (bad_external_place, InvalidModel, "no place 0 and length -8"),
        (bad_external_in_function, InvalidModel, "outside the model's folder"),
    ],
)
def test_bad_files_are_refused(make, kind, words, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    make(folder)
    with pytest.raises(kind) as caught:
        canonicalize(folder / "m.onnx")
    assert words in caught.value.message
    assert "m.onnx" in caught.value.message


def test_good_external_data_is_read(tmp_path):
    np.array([3, 4], np.float32).tofile(tmp_path / "weights.bin")
    onnx.save(external("weights.bin"), tmp_path / "m.onnx")
    [weight] = canonicalize(tmp_path / "m.onnx").graph.initializers.values()
    assert weight.const_value.numpy().tolist() == [3, 4]


@pytest.mark.parametrize("backwards", [0, 1])
def test_scan_over_a_batch(backwards, tmp_path):
    """Opset 8: the batch comes before the sequence, in the states, too."""
    body = helper.make_graph(
        [
            helper.make_node("Add", ["s", "e"], ["t"]),
            helper.make_node("Identity", ["t"], ["o"]),
        ],
        "body",
        [value("s", [2]), value("e", [2])],
        [value("t", [2]), value("o", [2])],
    )
    node = helper.make_node(
        "Scan",
        ["", "start", "x"],
        ["end", "y"],
        body=body,
        num_scan_inputs=1,
        directions=[backwards],
    )
    model = proto(
        [node],
        [value("start", [3, 2]), value("x", [3, 4, 2])],
        [value("end", [3, 2]), value("y", [3, 4, 2])],
        opset=8,
    )
    onnx.save(model, tmp_path / "m.onnx")
    save(canonicalize(tmp_path / "m.onnx"), tmp_path / "new.onnx")
    rng = np.random.default_rng(0)
    start, x = (rng.standard_normal(s).astype(np.float32) for s in ((3, 2), (3, 4, 2)))
    sums = start[:, None] + np.cumsum(x[:, ::-1] if backwards else x, axis=1)
    session = onnxruntime.InferenceSession(tmp_path / "new.onnx")
    end, y = session.run(None, {"start": start, "x": x})
    np.testing.assert_allclose(end, sums[:, -1], rtol=1e-5)
    np.testing.assert_allclose(y, sums, rtol=1e-5)


def test_scan_over_a_batch_of_different_lengths_is_refused(tmp_path):
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "e"], ["t"])], "body",
        [value("s", [2]), value("e", [2])], [value("t", [2])],
    )  # fmt: skip
    node = helper.make_node(
        "Scan", ["n", "start", "x"], ["end"], body=body, num_scan_inputs=1, name="over"
    )
    lengths = value("n", [3], TensorProto.INT64)
    model = proto(
        [node], [lengths, value("start", [3, 2]), value("x", [3, 4, 2])], [value("end", [3, 2])],
        opset=8,
    )  # fmt: skip
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(UnsupportedOperator, match=r"'over'.*several lengths"):
        canonicalize(tmp_path / "m.onnx")
