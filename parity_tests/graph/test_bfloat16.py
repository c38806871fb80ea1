"""A graph that computes in bfloat16: valid, and ONNX's own cases give what eight bits can of them."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from suite import plain_cases

from interop.graph.bfloat16 import compute_in_bfloat16
from interop.graph.canonical import canonicalize

#: Cases that ask for more than eight bits: by chance, by a difference of large numbers, by a pole, or by
#: a number past which every step of one is lost.
BEYOND = {
    "test_bernoulli_seed", "test_bernoulli_seed_expanded", "test_logsoftmax_large_number",
    "test_logsoftmax_large_number_expanded", "test_logsoftmax_large_number_expanded_ver18",
    "test_matmul_1d_3d", "test_nllloss_NCd1d2d3d4d5_mean_weight",
    "test_nllloss_NCd1d2d3d4d5_mean_weight_expanded",
    "test_range_float_type_positive_delta_expanded", "test_sce_NCd1d2d3d4d5_mean_weight",
    "test_sce_NCd1d2d3d4d5_mean_weight_expanded", "test_sce_NCd1d2d3d4d5_mean_weight_log_prob",
    "test_sce_NCd1d2d3d4d5_mean_weight_log_prob_expanded", "test_softmax_large_number",
    "test_softmax_large_number_expanded", "test_softmax_large_number_expanded_ver18", "test_tan",
    "test_operator_symbolic_override",
}  # fmt: skip

#: The evaluator needs a package for it that nobody else does.
UNEVALUATED = "test_image_decoder"


def in_bfloat16(model, path):
    onnx.save(model, path)
    graph = canonicalize(path)
    compute_in_bfloat16(graph)
    proto = ir.to_proto(graph)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def interface(model):
    weights = {one.name for one in model.graph.initializer}
    ends = (*model.graph.input, *model.graph.output)
    return [(end.name, end.type.tensor_type.elem_type) for end in ends if end.name not in weights]


def far(given, wanted):
    """Whether it is further from it than a thirty-second of its largest number."""
    if not isinstance(wanted, np.ndarray) or wanted.dtype != np.float32:
        return False
    with np.errstate(invalid="ignore"):
        apart = np.abs(given.astype(np.float64) - wanted)
    size = np.abs(wanted[np.isfinite(wanted)]).max(initial=1e-9)
    return bool((apart[np.isfinite(apart)] > size / 32).any())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # some cases overflow on purpose
@pytest.mark.parametrize("part", [0, pytest.param(1, marks=pytest.mark.long)])
def test_cases_of_the_standard(part, tmp_path):
    """Every third case, and with -m long the rest."""
    beyond, narrow = set(), 0  # of the latter, how many hold a value in bfloat16
    cases = [case for at, case in enumerate(plain_cases()) if (at % 3 > 0) == part]
    for case in cases:
        model = in_bfloat16(case.model, tmp_path / "case.onnx")
        assert interface(model) == interface(case.model), case.name
        inside = (value.type.tensor_type.elem_type for value in model.graph.value_info)
        narrow += TensorProto.BFLOAT16 in inside
        if case.name.startswith(UNEVALUATED):
            continue
        feeds = dict(zip([value.name for value in model.graph.input], case.inputs, strict=True))
        given = ReferenceEvaluator(model).run(None, feeds)
        if any(map(far, given, case.outputs)):
            beyond.add(case.name)
    assert beyond == {case.name for case in cases} & BEYOND
    assert narrow > len(cases) / 2


def float32(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model_of(nodes, inputs, outputs, weights=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)


def test_constants_are_rounded_and_stay_finite(tmp_path):
    """The mask that exporters write is the lowest float32, which bfloat16 would make -inf."""
    array = np.array([np.finfo(np.float32).min, 1 + 2**-9, -np.inf, 3], np.float32)
    weights = [numpy_helper.from_array(array, "w")]
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    model = in_bfloat16(
        model_of(nodes, [float32("x", [4])], [float32("y", [4])], weights), tmp_path / "m.onnx"
    )
    (held,) = model.graph.initializer
    assert held.data_type == TensorProto.BFLOAT16
    least = float(ml_dtypes.finfo(ml_dtypes.bfloat16).min)
    assert numpy_helper.to_array(held).astype(np.float32).tolist() == [least, 1, -np.inf, 3]


def test_what_has_no_bfloat16_is_between_casts(tmp_path):
    """Resize computes in it, and takes its scales in float32, to the bit."""
    scales = np.array([1, 1, 1.3, 1.7], np.float32)
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Resize", ["r", "", "scales"], ["s"], mode="linear"),
        helper.make_node("Sin", ["s"], ["y"]),
    ]
    weights = [numpy_helper.from_array(scales, "scales")]
    ends = [float32("x", [1, 1, 5, 5])], [float32("y", [1, 1, 6, 8])]
    model = in_bfloat16(model_of(nodes, *ends, weights), tmp_path / "m.onnx")
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    by_kind = {node.op_type: node for node in model.graph.node}
    assert kinds[by_kind["Resize"].input[0]] == TensorProto.BFLOAT16
    (held,) = [one for one in model.graph.initializer if one.name == by_kind["Resize"].input[2]]
    np.testing.assert_array_equal(numpy_helper.to_array(held), scales)
    assert numpy_helper.to_array(held).dtype == np.float32


def test_bodies_and_what_they_capture(tmp_path):
    """A loop whose body reads an outer value and a weight: 3 rounds of s = s * w + r."""
    body = helper.make_graph(
        [
            helper.make_node("Mul", ["s_in", "w"], ["m"]),
            helper.make_node("Add", ["m", "r"], ["s_out"]),
            helper.make_node("Identity", ["go"], ["go_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            float32("s_in", [2]),
        ],
        [helper.make_tensor_value_info("go_out", TensorProto.BOOL, []), float32("s_out", [2])],
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Loop", ["rounds", "yes", "r"], ["y"], body=body),
    ]
    weights = [
        numpy_helper.from_array(np.array([0.5, 2], np.float32), "w"),
        numpy_helper.from_array(np.array(3), "rounds"),
        numpy_helper.from_array(np.array(True), "yes"),
    ]
    ends = [float32("x", [2])], [float32("y", [2])]
    model = in_bfloat16(model_of(nodes, *ends, weights), tmp_path / "m.onnx")
    (given,) = ReferenceEvaluator(model).run(None, {"x": np.array([1, 3], np.float32)})
    assert given.tolist() == [1.875, 45]
