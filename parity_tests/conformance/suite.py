"""ONNX's own conformance cases, as its wheel carries them: models with recorded inputs and outputs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

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


#: Floats of which NumPy itself does not know that they are.
NARROW_FLOATS = {
    "bfloat16", "float4_e2m1fn", "float8_e8m0fnu",
    *(f"float8_{kind}" for kind in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz")),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One case: its model, and the values recorded for it, in the order of the model's names.

    A value is an array, for a sequence a list of them, and for an optional that is empty None.
    """

    name: str
    model: onnx.ModelProto
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    rtol: float
    atol: float


def plain_cases() -> tuple[Case, ...]:
    """Every case whose inputs and outputs are dense tensors of the plain dtypes, in domain ai.onnx."""
    return tuple(case for case in all_cases() if is_plain(case.model))


def beyond_cases() -> tuple[Case, ...]:
    """The others: narrow dtypes, text, sequences, optionals, and other domains of the standard."""
    return tuple(case for case in all_cases() if not is_plain(case.model))


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case of the suite but its networks, `light_cases`."""
    return tuple(_all_cases())


def with_constants(case: Case) -> Case | None:
    """The case with all its inputs but the first as initializers, as real models have their weights.

    None where that changes nothing: fewer than two inputs, or others than tensors.
    """
    if len(case.inputs) < 2 or not all(isinstance(v, np.ndarray) for v in case.inputs[1:]):
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


def judge(case: Case, given: list[Any]) -> str:
    """Nothing where the recorded outputs are met at the suite's own tolerance, else how not."""
    return _judge(case, list(case.outputs), given)


def _judge(case: Case, wanted: Any, given: Any) -> str:
    if not isinstance(wanted, list):
        return _judge_tensor(case, wanted, given)
    if not isinstance(given, list):
        return "a tensor for a sequence"
    if len(wanted) != len(given):
        return f"{len(given)} values for {len(wanted)}"
    faults = (_judge(case, *pair) for pair in zip(wanted, given, strict=True))
    return next((fault for fault in faults if fault), "")


def _judge_tensor(case: Case, wanted: np.ndarray, got: Any) -> str:
    if not isinstance(got, np.ndarray):
        return "no tensor for a tensor"
    if wanted.dtype != got.dtype:
        return f"dtype {got.dtype} for {wanted.dtype}"
    if wanted.shape != got.shape:
        return f"shape {list(got.shape)} for {list(wanted.shape)}"
    if wanted.dtype.kind == "O":
        return "" if wanted.tolist() == got.tolist() else "texts differ"
    if not np.issubdtype(wanted.dtype, np.floating) and wanted.dtype.name not in NARROW_FLOATS:
        return "" if np.array_equal(wanted, got) else _integers_differ(case, wanted, got)
    a, b = wanted.astype(np.float64), got.astype(np.float64)
    rtol, atol = (1e-2, 1e-3) if wanted.dtype.itemsize == 2 else (case.rtol, case.atol)
    return "" if np.allclose(b, a, rtol=rtol, atol=atol, equal_nan=True) else "numbers differ"


def _integers_differ(case: Case, wanted: np.ndarray, got: np.ndarray) -> str:
    """Integers are compared exactly, save where they are rounded floats: there by one at most."""
    rounded = any(n.op_type in ("QLinearConv", "QLinearMatMul") for n in case.model.graph.node)
    if rounded and np.max(np.abs(wanted.astype(np.int64) - got.astype(np.int64))) <= 1:
        return ""
    return "integers differ"


def _all_cases() -> Iterator[Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cases overflow on purpose
        nodes = collect_testcases(None)
    for case in nodes:
        inputs, outputs = case.data_sets[0]
        values = (tuple(map(_to_value, inputs)), tuple(map(_to_value, outputs)))
        yield Case(case.name, case.model, *values, case.rtol, case.atol)
    for kind in FOLDERS:
        for case in load_model_tests(kind=kind):
            folder = Path(case.model_dir)
            model = onnx.load(folder / "model.onnx")
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


def _to_value(recorded: Any) -> Any:
    """Some cases record arrays, others TensorProtos, or numbers."""
    if recorded is None:
        return None
    if isinstance(recorded, list):
        return [_to_value(entry) for entry in recorded]
    is_proto = isinstance(recorded, onnx.TensorProto)
    array = numpy_helper.to_array(recorded) if is_proto else np.asarray(recorded)
    return _as_text(array) if array.dtype.kind in "OSU" else array


def _as_text(array: np.ndarray) -> np.ndarray:
    """An array of str; TensorProtos hold bytes."""
    texts = [text.decode() if isinstance(text, bytes) else str(text) for text in array.flat]
    return np.array(texts, dtype=object).reshape(array.shape)


def _recorded(folder: Path, kind: str) -> tuple[np.ndarray, ...]:
    paths = (folder / "test_data_set_0").glob(f"{kind}_*.pb")
    ordered = sorted(paths, key=lambda p: int(p.stem.split("_")[1]))
    return tuple(_to_value(onnx.load_tensor(path)) for path in ordered)
