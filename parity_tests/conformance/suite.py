"""ONNX's own conformance cases, as its wheel carries them: models with recorded inputs and outputs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import load_model_tests

#: Groups of the suite that are folders in the wheel; the node cases are made by the wheel's code.
FOLDERS = ("simple", "pytorch-converted", "pytorch-operator")

PLAIN = {
    "float16", "float32", "float64", "bfloat16", "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One case: its model, and the tensors recorded for it, in the order of the model's names."""

    name: str
    model: onnx.ModelProto
    inputs: tuple[np.ndarray, ...]
    outputs: tuple[np.ndarray, ...]
    rtol: float
    atol: float


@cache
def plain_cases() -> tuple[Case, ...]:
    """Every case whose inputs and outputs are dense tensors of the plain dtypes, in domain ai.onnx."""
    return tuple(_plain_cases())


def with_constants(case: Case) -> Case | None:
    """The case with all its inputs but the first as initializers, as real models have their weights.

    None where that changes nothing: fewer than two inputs.
    """
    if len(case.inputs) < 2:
        return None
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    names = [value.name for value in model.graph.input]
    for name, array in list(zip(names, case.inputs, strict=False))[1:]:
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    del model.graph.input[1:]
    # Initializers that are no inputs came with IR version 4; a few cases of the suite are older.
    model.ir_version = max(model.ir_version, 4)
    return replace(case, name=f"{case.name}::constant", model=model, inputs=case.inputs[:1])


def light_cases() -> Iterator[Case]:
    """The wheel's whole networks, whose weights ConstantOfShape computes; on the suite's own input."""
    for path in sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("*.onnx")):
        model = onnx.load(path)
        weights = {tensor.name for tensor in model.graph.initializer}
        (image,) = (value for value in model.graph.input if value.name not in weights)
        shape = tuple(dim.dim_value or 1 for dim in image.type.tensor_type.shape.dim)
        count = int(np.prod(shape))
        data = (np.arange(count).reshape(shape) / count).astype(np.float32)
        result = numpy_helper.to_array(onnx.load_tensor(f"{path.with_suffix('')}_output_0.pb"))
        for value in list(model.graph.input):
            if value.name in weights:
                model.graph.input.remove(value)
        model.ir_version = max(model.ir_version, 4)
        yield Case(path.stem, model, (data,), (result,), 1e-3, 1e-7)


def with_initializers(case: Case) -> Case:
    """A light network with the weights that it computes as initializers."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "ConstantOfShape"]:
        (fill,) = (numpy_helper.to_array(a.t) for a in node.attribute)
        weight = np.full(constants[node.input[0]], fill[0], fill.dtype)
        graph.initializer.append(numpy_helper.from_array(weight, node.output[0]))
        graph.node.remove(node)
    return replace(case, name=f"{case.name}::initializers", model=model)


def with_logits(case: Case, *, only: bool = False) -> Case:
    """A light network with what its last Softmax takes as an output, too (or alone, if `only`).

    The networks' weights are all alike, so their Softmax gives the same for whatever came before. What
    is recorded of the logits is ONNX Runtime's. A network without a Softmax stays as it is.
    """
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    found = [index for index, node in enumerate(graph.node) if node.op_type == "Softmax"]
    if not found:
        return case
    logits = onnx.ValueInfoProto(name=graph.node[found[-1]].input[0])
    logits.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    if only:
        del graph.node[found[-1] :], graph.output[:]
    graph.output.append(logits)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (computed,) = session.run([logits.name], {session.get_inputs()[0].name: case.inputs[0]})
    recorded = () if only else case.outputs
    return replace(case, model=model, outputs=(*recorded, computed))


def judge(case: Case, given: list[np.ndarray]) -> str:
    """Nothing where the recorded outputs are met at the suite's own tolerance, else how not."""
    if len(case.outputs) != len(given):
        return f"{len(given)} outputs for {len(case.outputs)}"
    for wanted, got in zip(case.outputs, given, strict=True):
        if wanted.dtype != got.dtype:
            return f"dtype {got.dtype} for {wanted.dtype}"
        if wanted.shape != got.shape:
            return f"shape {list(got.shape)} for {list(wanted.shape)}"
        floating = wanted.dtype.kind in "fV"
        if not floating:
            if not np.array_equal(wanted, got):
                return _integers_differ(case, wanted, got)
            continue
        a, b = wanted.astype(np.float64), got.astype(np.float64)
        rtol, atol = (1e-2, 1e-3) if wanted.dtype.itemsize == 2 else (case.rtol, case.atol)
        if not np.allclose(b, a, rtol=rtol, atol=atol, equal_nan=True):
            return "numbers differ"
    return ""


def _integers_differ(case: Case, wanted: np.ndarray, got: np.ndarray) -> str:
    """Integers are compared exactly, save where they are rounded floats: there by one at most."""
    rounded = any(n.op_type in ("QLinearConv", "QLinearMatMul") for n in case.model.graph.node)
    if rounded and np.max(np.abs(wanted.astype(np.int64) - got.astype(np.int64))) <= 1:
        return ""
    return "integers differ"


def _plain_cases() -> Iterator[Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cases overflow on purpose
        nodes = collect_testcases(None)
    for case in nodes:
        if is_plain(case.model):
            inputs, outputs = case.data_sets[0]
            arrays = (tuple(map(_to_array, inputs)), tuple(map(_to_array, outputs)))
            yield Case(case.name, case.model, *arrays, case.rtol, case.atol)
    for kind in FOLDERS:
        for case in load_model_tests(kind=kind):
            folder = Path(case.model_dir)
            model = onnx.load(folder / "model.onnx")
            if is_plain(model):
                parts = (_recorded(folder, "input"), _recorded(folder, "output"))
                yield Case(case.name, model, *parts, case.rtol, case.atol)


def is_plain(model: onnx.ModelProto) -> bool:
    if any(node.domain not in ("", "ai.onnx") for node in model.graph.node):
        return False
    for value in (*model.graph.input, *model.graph.output):
        if not value.type.HasField("tensor_type"):
            return False
        kind = value.type.tensor_type.elem_type
        if onnx.helper.tensor_dtype_to_np_dtype(kind).name not in PLAIN:
            return False
    return True


def _to_array(tensor: np.ndarray | onnx.TensorProto) -> np.ndarray:
    """Some cases record arrays, others TensorProtos, or numbers."""
    is_proto = isinstance(tensor, onnx.TensorProto)
    return numpy_helper.to_array(tensor) if is_proto else np.asarray(tensor)


def _recorded(folder: Path, kind: str) -> tuple[np.ndarray, ...]:
    paths = (folder / "test_data_set_0").glob(f"{kind}_*.pb")
    ordered = sorted(paths, key=lambda p: int(p.stem.split("_")[1]))
    return tuple(numpy_helper.to_array(onnx.load_tensor(path)) for path in ordered)
