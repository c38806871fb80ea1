"""The part of an audit that runs nothing: each rule finds what was planted, and nothing in a sound model."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from interop.models import ZOO
from onnx import TensorProto, helper
from onnx import numpy_helper as nph

from interop.audit.facts import Operator
from interop.audit.rules import RULES
from interop.audit.static import static_audit
from interop.audit.support import gaps, names, table
from interop.errors import InvalidModel
from interop.graph.canonical import canonicalize, save
from interop.workers.tensors import read_tensors

PRODUCTS = {"Attention", "Conv", "ConvTranspose", "Einsum", "Gemm", "MatMul"}


def model_of(*nodes, shape=(2, 3), opset=21, domains=(), weights=(), functions=()):
    imports = [helper.make_opsetid(domain, 1) for domain in domains]
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        list(weights),
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset), *imports],
        producer_name="tests",
        functions=list(functions),
    )
    model.metadata_props.add(key="license", value="Apache-2.0")
    return model


def saved(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def relu():
    return helper.make_node("Relu", ["x"], ["y"])


def external(location, checksum=None):
    tensor = nph.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    if checksum:
        tensor.external_data.add(key="checksum", value=checksum)
    return model_of(helper.make_node("Add", ["x", "w"], ["y"]), weights=[tensor])


def found(tmp_path, model):
    return {(one.rule, one.severity) for one in static_audit(saved(tmp_path, model)).findings}


def test_a_sound_model_has_no_findings(tmp_path):
    assert found(tmp_path, model_of(relu())) == set()


def function_named_relu():
    return helper.make_function(
        "ai.onnx", "Relu", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])],
        [helper.make_opsetid("", 21)],
    )  # fmt: skip


def without(model, field):
    model.ClearField(field)
    return model


FAULTS = {
    "opset": [
        (model_of(relu(), opset=6), "blocks"),
        (model_of(relu(), opset=11), "warns"),
        (model_of(relu(), opset=onnx.defs.onnx_opset_version() + 1), "blocks"),
    ],
    "deprecated-operator": [
        (model_of(helper.make_node("Scatter", ["x", "x", "x"], ["y"]), opset=13), "warns")
    ],
    "custom-operator": [
        (model_of(helper.make_node("Own", ["x"], ["y"], domain="a.b"), domains=["a.b"]), "blocks"),
        (
            model_of(
                helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft"),
                domains=["com.microsoft"],
            ),
            "warns",
        ),
    ],
    "random-operator": [
        (model_of(helper.make_node("RandomNormalLike", ["x"], ["y"])), "warns"),
    ],
    "dynamic-dimension": [
        (model_of(relu(), shape=("batch", 3)), "informs"),
        (model_of(relu(), shape=None), "blocks"),
    ],
    "dtype": [
        (model_of(helper.make_node("Cast", ["x"], ["y"], to=TensorProto.DOUBLE)), "warns"),
        (model_of(helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E5M2)), "warns"),
    ],
    "external-data": [
        (external("../secret"), "blocks"),
        (external("/etc/passwd"), "blocks"),
        (external("C:\\secret"), "blocks"),
        (external("missing.bin"), "blocks"),
        (external("short.bin"), "blocks"),
        (external("link.bin"), "blocks"),
        (external("whole.bin", checksum="0" * 40), "blocks"),
    ],
    "size": [(external("whole.bin"), "informs")],
    "embedded-code": [
        (
            model_of(
                helper.make_node("PyOp", ["x"], ["y"], domain="com.microsoft"),
                domains=["com.microsoft"],
            ),
            "blocks",
        ),
    ],
    "shadowed-operator": [(model_of(relu(), functions=[function_named_relu()]), "warns")],
    "provenance": [
        (without(model_of(relu()), "metadata_props"), "informs"),
        (without(model_of(relu()), "producer_name"), "informs"),
    ],
}


def test_every_rule_has_a_fault():
    assert {rule.name for rule in RULES} == FAULTS.keys()


@pytest.mark.parametrize(
    ("rule", "model", "severity"),
    [
        pytest.param(rule, model, severity, id=f"{rule}-{number}")
        for rule, cases in FAULTS.items()
        for number, (model, severity) in enumerate(cases)
    ],
)
def test_a_rule_finds_its_fault(rule, model, severity, tmp_path):
    (tmp_path / "whole.bin").write_bytes(bytes(24))
    (tmp_path / "short.bin").write_bytes(bytes(23))
    (tmp_path / "link.bin").symlink_to(tmp_path / "whole.bin")
    assert (rule, severity) in found(tmp_path, model)


def test_a_right_checksum_is_no_fault(tmp_path):
    (tmp_path / "whole.bin").write_bytes(bytes(24))
    model = external("whole.bin", checksum=hashlib.sha1(bytes(24)).hexdigest())
    assert found(tmp_path, model) == {("size", "informs")}


@pytest.mark.parametrize("content", [b"", b"no model at all"])
def test_what_is_no_model(content, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(InvalidModel):
        static_audit(path)


def test_tables_are_sound():
    """Each names its source, and operators that there are."""
    standard = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    older = {"Affine", "ImageScaler", "ParametricSoftplus", "ScaledTanh", "Crop", "ThresholdedRelu",
             "DynamicSlice", "GivenTensorFill", "Scale", "MemcpyFromHost", "MemcpyToHost"}  # fmt: skip
    for name in names():
        one = table(name)
        assert one.title
        assert one.source
        assert one.version
        plain = {operator for operator in one.entries if "::" not in operator}
        strange = {p for p in plain - standard - older if not p.startswith(("Layer", "Simplified"))}
        assert strange == set(), name


def unpooling(dtype):
    graph = helper.make_graph(
        [helper.make_node("MaxUnpool", ["x", "i"], ["y"], kernel_shape=[2, 2], strides=[2, 2])],
        "g",
        [
            helper.make_tensor_value_info("x", dtype, [1, 1, 2, 2]),
            helper.make_tensor_value_info("i", TensorProto.INT64, [1, 1, 2, 2]),
        ],
        [helper.make_tensor_value_info("y", dtype, None)],
    )
    opset = helper.make_opsetid("", 22)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


def test_the_cpu_table_is_what_onnx_runtime_does(tmp_path):
    """An operator that the table lacks is one that a session refuses, and one that it has loads."""
    cpu = table("onnxruntime-cpu")
    lacking = Operator("", "MaxUnpool", 1, (), frozenset({"double"}))
    assert [gap.blocks for gap in gaps([lacking], 22, cpu)] == [True]
    widened = Operator("", "MaxUnpool", 1, (), frozenset({"float16"}))
    assert [gap.blocks for gap in gaps([widened], 22, cpu)] == [False]
    taken = Operator("", "MaxUnpool", 1, (), frozenset({"float"}))
    assert gaps([taken], 22, cpu) == []
    with pytest.raises(Exception, match="MaxUnpool"):
        ort.InferenceSession(unpooling(TensorProto.DOUBLE), providers=["CPUExecutionProvider"])
    for dtype in (TensorProto.FLOAT, TensorProto.FLOAT16):
        ort.InferenceSession(unpooling(dtype), providers=["CPUExecutionProvider"])


def test_tensorrt_rtx_refuses_what_its_parser_does():
    """As its authors say of TensorRT: no integer products, no sequences, no strings."""
    rtx = table("tensorrt-rtx")
    assert {"Conv", "MatMul", "LSTM", "QuantizeLinear", "Loop"} <= rtx.entries.keys()
    lacking = {"ConvInteger", "MatMulInteger", "QLinearConv", "SequenceAt", "StringNormalizer"}
    assert not lacking & rtx.entries.keys()
    assert gaps([Operator("", "QLinearConv", 1, ())], 21, rtx)[0].blocks


def test_versions_types_and_bodies():
    cpu, web = table("onnxruntime-cpu"), table("web-webgpu")
    body = Operator("", "Mish", 1, ())
    assert [gap.blocks for gap in gaps([body], 21, web)] == [True]
    assert not any(gap.blocks for gap in gaps([body], 21, cpu))
    too_new = Operator("", "LayerNormalization", 1, ())
    assert gaps([too_new], 17, web) == []
    assert gaps([Operator("x.y", "Relu", 1, ())], 17, web)[0].blocks


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "unet", "dcgan", "bert", "vit"])
def test_operations_are_those_that_torch_counts(name, exported, open_worker, tmp_path):
    folder = exported(name)
    save(canonicalize(folder / "model.onnx"), tmp_path / "canonical.onnx")
    inputs = read_tensors(folder / "in")
    (first, *_) = ZOO[name].inputs
    sizes = {
        dim: size
        for dim, size in zip(first.shape, inputs[first.name].shape, strict=True)
        if isinstance(dim, str)
    }
    counted = static_audit(folder / "model.onnx", tmp_path / "canonical.onnx", sizes).cost
    assert counted is not None
    assert counted.uncounted == ()
    products = sum(n for operator, n in counted.by_operator.items() if operator in PRODUCTS)
    answer = open_worker("torch", "torch_flops").call(
        "flops", definition=ZOO[name].definitions["torch"], inputs=str(folder / "in")
    )
    assert products == pytest.approx(answer["flops"], rel=0.01)


def test_memory_between_nodes(tmp_path):
    """Two branches of 1000 floats alive at once, beside what they come from."""
    model = model_of(
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Exp", ["x"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
        shape=("batch", 1000),
    )
    path = saved(tmp_path, model)
    save(canonicalize(path), tmp_path / "canonical.onnx")
    counted = static_audit(path, tmp_path / "canonical.onnx", {"batch": 3}).cost
    assert counted is not None
    assert counted.activation_bytes == 3 * 1000 * 4 * 3
    assert counted.operations == 3 * 3000
    assert counted.sizes == {"batch": 3}
