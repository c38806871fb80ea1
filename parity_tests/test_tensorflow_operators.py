"""ONNX's own conformance cases, lowered to TensorFlow and run there.

Every plain-tensor case of the suite in the onnx wheel takes part. Those that are known not to pass
stand in `tensorflow_limits.tsv` with their reason; one that is not listed must pass, and one that is
listed must not: an unexpected pass fails, so that the list stays true. To write the list anew, after
looking at what changed: INTEROP_WRITE_LIMITS=1 pytest parity_tests/test_tensorflow_operators.py
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from interop.converters.tensorflow.importer import COVERED, lower
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import load_model_tests
from safetensors.numpy import save_file

from interop.errors import InteropError
from interop.graph.canonical import canonicalize, expand_functions, signature_of
from interop.graph.layout import to_channels_last
from interop.workers.tensors import read_tensors, write_tensors

#: Groups of the suite that are folders in the wheel; the node cases are made by the wheel's code.
FOLDERS = ("simple", "pytorch-converted", "pytorch-operator")
LIMITS = Path(__file__).with_name("tensorflow_limits.tsv")
PLAIN = {
    "float16", "float32", "float64", "bfloat16", "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}  # fmt: skip

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """One case: its model, and the tensors recorded for it."""

    name: str
    model: onnx.ModelProto
    inputs: list
    outputs: list
    rtol: float
    atol: float


def all_cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cases overflow on purpose
        nodes = collect_testcases(None)
    for case in nodes:
        if not is_plain(case.model):
            continue
        inputs, outputs = case.data_sets[0]
        arrays = ([to_array(t) for t in inputs], [to_array(t) for t in outputs])
        yield Case(case.name, case.model, *arrays, case.rtol, case.atol)
    for kind in FOLDERS:
        for case in load_model_tests(kind=kind):
            folder = Path(case.model_dir)
            model = onnx.load(folder / "model.onnx")
            if is_plain(model):
                parts = (recorded(folder, "input"), recorded(folder, "output"))
                yield Case(case.name, model, *parts, case.rtol, case.atol)


def to_array(tensor):
    """Some cases record arrays, others TensorProtos."""
    is_proto = isinstance(tensor, onnx.TensorProto)
    return numpy_helper.to_array(tensor) if is_proto else tensor


def is_plain(model):
    """Are all inputs and outputs dense tensors of the plain dtypes, and all operators ai.onnx's?"""
    if any(node.domain not in ("", "ai.onnx") for node in model.graph.node):
        return False
    for value in (*model.graph.input, *model.graph.output):
        if not value.type.HasField("tensor_type"):
            return False
        kind = value.type.tensor_type.elem_type
        if onnx.helper.tensor_dtype_to_np_dtype(kind).name not in PLAIN:
            return False
    return True


def recorded(folder, kind):
    paths = (folder / "test_data_set_0").glob(f"{kind}_*.pb")
    ordered = sorted(paths, key=lambda p: int(p.stem.split("_")[1]))
    return [numpy_helper.to_array(onnx.load_tensor(path)) for path in ordered]


def prepare(case, target):
    """Write the source and inputs of one case; returns "" or why it cannot be lowered."""
    target.mkdir(parents=True)
    onnx.save(case.model, target / "case.onnx")
    try:
        model = canonicalize(target / "case.onnx")
        names = [spec.name for spec in signature_of(model).inputs]
        source = lower(to_channels_last(expand_functions(model, COVERED)))
    except InteropError as error:
        reason = error.message.replace(str(target), "").splitlines()[-1].strip()
        return " ".join(reason.split(": ", 1)[-1].split())[:160]
    (target / "model.py").write_text(source.text)
    save_file(source.weights, target / "weights.safetensors")
    arrays = dict(zip((v.name for v in case.model.graph.input), case.inputs, strict=False))
    write_tensors(target / "in", {source.inputs[n]: arrays[n] for n in names})
    return ""


def judge(case, target):
    """Nothing where the recorded outputs are met at the suite's own tolerance, else how not."""
    got = list(read_tensors(target / "out").values())
    if len(case.outputs) != len(got):
        return f"{len(got)} outputs for {len(case.outputs)}"
    for expected, given in zip(case.outputs, got, strict=True):
        wanted = np.asarray(expected)
        if wanted.dtype != given.dtype:
            return f"dtype {given.dtype} for {wanted.dtype}"
        if wanted.shape != given.shape:
            return f"shape {list(given.shape)} for {list(wanted.shape)}"
        coarse = wanted.dtype.itemsize == 2 and wanted.dtype.kind in "fV"
        a, b = (v.astype(np.float64) if v.dtype.kind in "fV" else v for v in (wanted, given))
        rtol, atol = (1e-2, 1e-3) if coarse else (case.rtol, case.atol)
        if not np.allclose(b, a, rtol=rtol, atol=atol, equal_nan=True):
            return "numbers differ"
    return ""


def test_conformance(open_worker, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("suite")
    cases = list(all_cases())
    outcome = {case.name: prepare(case, scratch / case.name) for case in cases}
    ready = [case for case in cases if not outcome[case.name]]
    worker = open_worker("tensorflow", "tensorflow_sources")
    for start in range(0, len(ready), 100):
        part = ready[start : start + 100]
        answer = worker.call("run_sources", folders=[str(scratch / case.name) for case in part])
        for case, message in zip(part, answer["messages"], strict=True):
            short = " ".join(message.replace(str(scratch), "").split())[:160]
            outcome[case.name] = short or judge(case, scratch / case.name)
    failed = {name: reason for name, reason in outcome.items() if reason}
    if os.environ.get("INTEROP_WRITE_LIMITS"):
        LIMITS.write_text("".join(f"{name}\t{failed[name]}\n" for name in sorted(failed)))
    limits = dict(line.split("\t") for line in LIMITS.read_text().splitlines())
    print(f"{len(cases) - len(failed)} of {len(cases)} plain-tensor cases pass")
    print(Counter(reason.split("'")[0][:60] for reason in failed.values()).most_common(12))
    assert sorted(set(failed) - set(limits)) == [], "these should pass"
    assert sorted(set(limits) - set(failed)) == [], "these pass now: take them off the list"
    assert len(cases) > 1500
