"""Decompositions compute what the operators do that they replace.

Of ai.onnx: the cases of the standard's own suite, as recorded there. Of other domains: ONNX Runtime.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.reference import ReferenceEvaluator

from interop.graph.decompositions.apply import decompose
from interop.graph.decompositions.table import DECOMPOSITIONS

#: Cases of the suite that decompositions refuse or miss, with the reason.
LIMITS = dict.fromkeys(("test_col2im", "test_col2im_5d", "test_col2im_dilations", "test_col2im_pads", "test_col2im_strides"), "the image's shape ('image_shape') must be constant")  # fmt: skip


@cache
def suite_cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cases overflow on purpose
        found = collect_testcases(None)
    return [
        case
        for case in found
        if len(case.model.graph.node) == 1
        and (case.model.graph.node[0].domain, case.model.graph.node[0].op_type) in DECOMPOSITIONS
    ]


def decomposed(proto, constants=None):
    """The model with each node decomposed, its shapes inferred; every refusal is raised."""
    proto = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    model = ir.from_proto(proto)
    nodes = [n for n in model.graph if (n.domain, n.op_type) in DECOMPOSITIONS]
    for number, node in enumerate(nodes):
        node.name = f"node_{number}"
    done, refused = decompose(model, nodes)
    assert len(done) == len(nodes), refused
    proto = ir.to_proto(model)
    proto.ir_version = max(proto.ir_version, 10)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def run(proto, inputs):
    """By ONNX Runtime; by onnx's reference where that lacks a kernel."""
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
        return session.run(None, inputs)
    except Exception:  # noqa: BLE001 — whatever it lacks, the reference decides
        return ReferenceEvaluator(proto).run(None, inputs)


def to_array(tensor):
    is_proto = isinstance(tensor, onnx.TensorProto)
    return numpy_helper.to_array(tensor) if is_proto else np.asarray(tensor)


def upgraded(model):
    version = next(o.version for o in model.opset_import if o.domain == "")
    return onnx.version_converter.convert_version(model, 23) if version < 23 else model


def close(given, wanted, rtol=1e-3, atol=1e-6):
    if wanted.dtype.kind == "V":  # ONNX Runtime hands out a small float's bits
        given = given.view(wanted.dtype)
    assert given.dtype == wanted.dtype
    assert given.shape == wanted.shape
    if wanted.dtype.kind in "iub":
        np.testing.assert_array_equal(given, wanted)
    else:
        a, b = np.asarray(given, np.float64), np.asarray(wanted, np.float64)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


@pytest.mark.parametrize("constant", [False, True], ids=["inputs", "constants"])
@pytest.mark.parametrize("case", suite_cases(), ids=lambda case: case.name)
def test_of_the_suite(case, constant):
    arrays = [to_array(t) for t in case.data_sets[0][0]]
    wanted = [to_array(t) for t in case.data_sets[0][1]]
    model = onnx.ModelProto()
    model.CopyFrom(upgraded(case.model))
    names = [value.name for value in model.graph.input]
    inputs = dict(zip(names, arrays, strict=True))
    if constant:
        for name in names[1:]:
            model.graph.initializer.append(numpy_helper.from_array(inputs.pop(name), name))
        del model.graph.input[1:]
        model.ir_version = max(model.ir_version, 4)
    name = f"{case.name}{'::constant' * constant}"
    if name in LIMITS:
        with pytest.raises(AssertionError, match=re.escape(LIMITS[name])):
            decomposed(model)
        return
    given = run(decomposed(model), inputs)
    rtol, atol = max(case.rtol, 1e-3), max(case.atol, 1e-6)
    for got, expected in zip(given, wanted, strict=True):
        if expected.dtype.itemsize <= 2 and expected.dtype.kind in "fV":
            rtol, atol = 1e-2, 1e-3
        close(np.asarray(got), expected, rtol, atol)


def floats(*shape, seed=0, low=-1.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def integers(*shape, dtype=np.uint8, seed=0):
    limits = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, dtype, endpoint=True)


@dataclass(frozen=True)
class Own:
    """A node of ours, which ONNX Runtime has a kernel for: inputs (None where absent), attributes."""

    domain: str
    op_type: str
    inputs: tuple
    attributes: dict = field(default_factory=dict)
    outputs: tuple = (onnx.TensorProto.FLOAT,)  # 0 where an output is not asked for
    atol: float = 1e-5

    def model(self):
        names = ["" if x is None else f"x{i}" for i, x in enumerate(self.inputs)]
        made = [f"y{i}" if kind else "" for i, kind in enumerate(self.outputs)]
        node = onnx.helper.make_node(
            self.op_type, names, made, domain=self.domain, **self.attributes
        )
        inputs = [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape
            )
            for name, x in zip(names, self.inputs, strict=True)
            if name
        ]
        outputs = [
            onnx.helper.make_tensor_value_info(name, kind, None)
            for name, kind in zip(made, self.outputs, strict=True)
            if name
        ]
        graph = onnx.helper.make_graph([node], "own", inputs, outputs)
        opsets = [onnx.helper.make_opsetid("", 21 if self.domain == "" else 23)]
        if self.domain:
            version = 5 if self.domain == "ai.onnx.ml" else 1
            opsets.append(onnx.helper.make_opsetid(self.domain, version))
        return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)


OWN = [
    Own("", "MaxRoiPool", (
        floats(2, 3, 9, 11),
        np.array([[0, 1, 1, 6, 5], [1, 0, 2, 10, 8], [1, 9, 7, 20, 20]], np.float32),
    ), {"pooled_shape": [3, 4], "spatial_scale": 0.75}),
]  # fmt: skip


@pytest.mark.parametrize("constant", [False, True], ids=["inputs", "constants"])
@pytest.mark.parametrize(
    ("number", "own"), list(enumerate(OWN)), ids=[f"{o.op_type}-{i}" for i, o in enumerate(OWN)]
)
def test_beside_onnx_runtime(number, own, constant):
    model = own.model()
    inputs = {f"x{i}": x for i, x in enumerate(own.inputs) if x is not None}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    wanted = session.run(None, inputs)
    if constant:
        for name in list(inputs)[1:]:
            model.graph.initializer.append(numpy_helper.from_array(inputs.pop(name), name))
        del model.graph.input[1:]
    given = run(decomposed(model), inputs)
    for got, expected in zip(given, wanted, strict=True):
        close(np.asarray(got), np.asarray(expected), 1e-4, own.atol)


def test_each_has_a_case():
    met = {("", case.model.graph.node[0].op_type) for case in suite_cases()}
    assert met | {(own.domain, own.op_type) for own in OWN} >= set(DECOMPOSITIONS)
