"""Serialised programs of jax.export as sources: StableHLO read operation by operation, held against JAX."""

from __future__ import annotations

import json
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NotImplemented_
from suite import judge, plain_cases
from test_conformance import prepare
from values import read_values

import interop
from interop.errors import InvalidModel, UnsupportedOperator, UsageError
from interop.signature import TensorSpec
from interop.targets import KINDS
from interop.workers.tensors import read_tensors

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: Of the standard's own cases every so manieth.
EVERY = 1 if "INTEROP_CASES" in os.environ else 40


@pytest.fixture(scope="module")
def functions(open_worker):
    return open_worker("jax", "jax_functions")


@pytest.fixture(scope="module")
def written(functions, tmp_path_factory):
    """The folder in which all cases lie, and what each could not be written for."""
    folder = tmp_path_factory.mktemp("functions")
    return folder, functions.call("read_functions", folder=str(folder))


def run(path, feeds):
    """What ONNX Runtime computes, by name, of a model that the checker finds sound; where it lacks an
    operator for a dtype, what onnx's reference computes."""
    onnx.checker.check_model(str(path), full_check=True)
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except NotImplemented_:
        reference = ReferenceEvaluator(str(path))
        return dict(zip(reference.output_names, reference.run(None, feeds), strict=True))
    names = [value.name for value in session.get_outputs()]
    given = {value.name: feeds[value.name] for value in session.get_inputs()}
    return dict(zip(names, session.run(names, given), strict=True))


def faults(wanted, got):
    """Where results differ in name, dtype, shape or number from what JAX computed."""
    if sorted(wanted) != sorted(got):
        return [f"{sorted(got)} for {sorted(wanted)}"]
    found = []
    for name, array in wanted.items():
        if (array.dtype, array.shape) != (got[name].dtype, got[name].shape):
            found.append(
                f"{name}: {got[name].dtype}{got[name].shape} for {array.dtype}{array.shape}"
            )
        elif array.dtype.kind in "iub" and not np.array_equal(array, got[name]):
            found.append(f"{name}: integers differ")
        elif array.dtype.kind == "f":
            rtol = 2e-3 if array.dtype == np.float16 else 3e-5
            if not np.allclose(got[name], array, rtol=rtol, atol=3e-6, equal_nan=True):
                found.append(f"{name}: {np.abs(got[name] - array).max()} apart")
    return found


def test_functions_of_jax(written):
    """With their sizes open, and of other sizes than any example: none is fixed to what it was."""
    folder, messages = written
    assert len(messages) >= 90
    assert {name: message for name, message in messages.items() if message} == {}
    found = {}
    for name in messages:
        got = run(folder / f"{name}.onnx", read_tensors(folder / f"{name}-in"))
        found[name] = faults(read_tensors(folder / f"{name}-out"), got)
    assert {name: fault for name, fault in found.items() if fault} == {}


@pytest.mark.parametrize(
    ("name", "kind", "attribute", "value"),
    [
        ("conv_uneven", "Conv", "pads", [0, 0, 3, 3]),
        ("cumsum", "CumSum", "reverse", 0),
        ("argmax", "ArgMax", "axis", 0),
        ("scan_open", "Scan", "scan_input_directions", [0]),
    ],
)
def test_a_planted_fault_is_found(written, tmp_path, name, kind, attribute, value):
    """What the comparison is worth: one attribute that is off."""
    folder, _ = written
    model = onnx.load(folder / f"{name}.onnx")
    (node,) = [n for n in model.graph.node if n.op_type == kind and has_other(n, attribute, value)][
        :1
    ]
    kept = [one for one in node.attribute if one.name != attribute]
    del node.attribute[:]
    node.attribute.extend([*kept, onnx.helper.make_attribute(attribute, value)])
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [one.name for one in session.get_outputs()]
    feeds = read_tensors(folder / f"{name}-in")
    got = session.run(names, {one.name: feeds[one.name] for one in session.get_inputs()})
    assert faults(read_tensors(folder / f"{name}-out"), dict(zip(names, got, strict=True)))


def has_other(node, attribute, value):
    found = [onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == attribute]
    return bool(found) and found[0] != value


def test_cases_of_the_standard(open_worker, tmp_path):
    """ONNX's own cases → a source of JAX → its program → read: never another function.

    What JAX cannot trace with all inputs open has no program.
    """
    cases = [c for c in plain_cases() if "bfloat16" not in c.name.lower()][::EVERY]
    folders = {case.name: tmp_path / case.name for case in cases}
    lowered = [case for case in cases if not prepare(case, KINDS["jax"], folders[case.name])]
    worker = open_worker("jax", "jax_programs")
    answer = worker.call("read_programs", folders=[str(folders[c.name]) for c in lowered])
    told = dict(zip((c.name for c in lowered), answer["messages"], strict=True))
    read = [case for case in lowered if not told[case.name]]
    wrong = {name: text for name, text in told.items() if text.startswith("fault")}
    for case in read:
        folder = folders[case.name]
        got = run(folder / "read.onnx", read_values(folder / "in"))
        names = json.loads((folder / "outputs.json").read_text())
        fault = judge(case, [got[name] for name in names])
        if fault:
            wrong[case.name] = fault
    assert wrong == {}
    programs = [name for name, text in told.items() if not text.startswith("no program")]
    print(f"{len(read)} of {len(programs)} programs, of {len(cases)} cases, are read and agree")
    assert len(read) >= 0.9 * len(programs) > 0.6 * len(cases)


@pytest.mark.parametrize(
    "name", ["fft", "cholesky", "bits_as_floats", "random", "max_pool_gradient"]
)
def test_what_has_no_onnx_form_is_refused_by_name(functions, tmp_path, name):
    said = functions.call("save_function", name=name, path=str(tmp_path / "model.jax"))["said"]
    with pytest.raises(UnsupportedOperator, match=said) as caught:
        interop.convert(str(tmp_path / "model.jax"), target="torch", output=tmp_path / "out")
    assert "cannot be written as ONNX" in caught.value.message
    assert caught.value.hint
    if name == "bits_as_floats":  # JAX notes whose line an operation is
        assert "jax_functions.py:" in caught.value.message
    assert not (tmp_path / "out").exists()


def test_a_users_program(functions, tmp_path):
    """Named by its ending; its batch is open, its results have their keys; its source is nowhere."""
    path = tmp_path / "network.jax"
    free = functions.call("save_user_program", path=str(path))["inputs"]
    assert free == ["parameters_head", "parameters_kernel", "image"]
    done = interop.convert(str(path), target="torch", output=tmp_path / "out")
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    signature = done.manifest["signature"]
    assert [(one["name"], one["shape"]) for one in signature["inputs"]] == [
        ("image", ["batch", 8, 9, 4])
    ]
    assert {one["name"] for one in signature["outputs"]} == {"scores", "largest"}


def test_a_fixed_size_stays_fixed(functions, tmp_path):
    path = tmp_path / "network.jax"
    functions.call("save_user_program", path=str(path))
    wanted = (TensorSpec("image", "float32", ("batch", "height", 9, 4)),)
    with pytest.raises(UsageError, match=r"not \[batch, height, 9, 4\]"):
        interop.convert(str(path), target="torch", inputs=wanted, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_our_own_program_comes_back(tmp_path):
    """Out of model.jax alone, without running the model.py beside it; with the weights' names."""
    there = interop.convert("dlrm", source="torch", target="jax", output=tmp_path / "there")
    (there.folder / "model.py").write_text("raise SystemExit('run')")
    back = interop.convert(str(there.folder), target="jax", output=tmp_path / "back")
    assert (there.grade, back.grade) == ("A", "A"), back.manifest["rule"]["sentence"]
    text = (back.folder / "model.py").read_text()
    assert "params['tables.0.weight']" in text
    assert "params['bottom.0.weight']" in text
    assert ["batch", 13] in [one["shape"] for one in back.manifest["signature"]["inputs"]]


def test_what_is_no_program(tmp_path):
    (tmp_path / "model.jax").write_bytes(b"whatever")
    with pytest.raises(InvalidModel, match="not a serialised jax"):
        interop.convert(str(tmp_path / "model.jax"), target="torch", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("kind", "found"), [("exact", True), ("tanh", True), ("off", False)])
def test_gelu_is_found_in_its_arithmetic(functions, tmp_path, kind, found):
    functions.call("operators_of", kind=kind, path=str(tmp_path / "m.onnx"))
    operators = {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert ("Gelu" in operators) == found
    assert found == (operators <= {"Gelu", "Identity"})
