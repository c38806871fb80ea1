"""Decompositions compute what the operators do that they replace.

Of ai.onnx: the cases of the standard's own suite, as recorded there. Of other domains: ONNX Runtime.
"""

from __future__ import annotations

import warnings
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
LIMITS: dict[str, str] = {}

SUITE = sorted(name for domain, name in DECOMPOSITIONS if domain == "")


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
    refused = decompose(model, nodes)
    assert not refused, refused
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
    if name in LIMITS or case.name in LIMITS:
        pytest.xfail(LIMITS.get(name) or LIMITS[case.name])
    given = run(decomposed(model), inputs)
    rtol, atol = max(case.rtol, 1e-3), max(case.atol, 1e-6)
    for got, expected in zip(given, wanted, strict=True):
        if expected.dtype.itemsize <= 2 and expected.dtype.kind in "fV":
            rtol, atol = 1e-2, 1e-3
        close(np.asarray(got), expected, rtol, atol)


def test_each_of_the_standard_has_a_case():
    assert {case.model.graph.node[0].op_type for case in suite_cases()} >= set(SUITE)
