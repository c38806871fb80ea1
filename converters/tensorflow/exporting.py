"""SavedModel → ONNX, through tf2onnx, whose word is not taken for it: what it wrote is checked."""

import itertools
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from interop.workers.failures import GuestFailure

#: The newest opset that tf2onnx 1.17 writes; the canonical form raises it afterwards.
_OPSET = 18


def saved_model_in(reference: str) -> Path:
    """The SavedModel's folder: `reference` itself, or the `saved_model` inside a folder of ours."""
    folder = Path(reference)
    for candidate in (folder, folder / "saved_model"):
        if (candidate / "saved_model.pb").is_file():
            return candidate
    raise GuestFailure(
        "InvalidModel",
        f"{reference} holds no SavedModel",
        hint="Name a folder with a saved_model.pb in it, as tf.saved_model.save writes.",
    )


def from_saved_model(folder: Path, signature: str) -> list[str]:
    """The arguments by which tf2onnx reads a SavedModel."""
    return ["--saved-model", str(folder), "--tag", "serve", "--signature_def", signature]


def from_frozen(file: Path, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> list[str]:
    """The arguments by which tf2onnx reads a frozen graph. inputs, outputs: name → tensor's name."""
    return [
        "--graphdef", str(file),
        "--inputs", ",".join(inputs.values()), "--rename-inputs", ",".join(inputs),
        "--outputs", ",".join(outputs.values()), "--rename-outputs", ",".join(outputs),
    ]  # fmt: skip


def export(
    source: Sequence[str],
    path: Path,
    inputs: Sequence[dict[str, Any]],
    outputs: Sequence[str],
    *,
    variables: Mapping[str, np.ndarray] | None = None,
) -> str:
    """Write `path`, with the names of inputs and outputs; returns a sentence on what it took.

    source: from `from_saved_model` or `from_frozen`. inputs: specs; words in their shapes name the
    dimensions. An unknown first dimension of all inputs is "batch". variables: arrays whose names
    the same weights get in ONNX.

    In a process of its own, as tf2onnx's loader turns eager execution off in the one it runs in.
    It is of the worker's process group, so it ends whenever that does.
    """
    program = str(Path(__file__).with_name("tf2onnx_main.py"))
    command = [sys.executable, program, *source, "--opset", str(_OPSET), "--output", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stderr, flush=True)  # for --verbose
    if done.returncode != 0 or not path.is_file():
        raise GuestFailure(
            "InvalidModel",
            f"tf2onnx could not export this model: {_reason(done.stderr)}",
            hint="--verbose shows all that tf2onnx said.",
        )
    check(path, [spec["name"] for spec in inputs], list(outputs), done.stderr)
    model = onnx.load(str(path))
    _name_dimensions(model.graph, inputs)
    _name_weights(model.graph, variables or {})
    onnx.save(model, str(path))
    nodes = model.graph.node
    transposes = sum(node.op_type == "Transpose" for node in nodes)
    return f"tf2onnx wrote {len(nodes)} nodes, {transposes} of them Transpose"


def check(path: Path, inputs: list[str], outputs: list[str], said: str = "") -> None:
    """Raise GuestFailure where the file is not sound ONNX, or its inputs or outputs are others.

    said: what tf2onnx printed, which names the operators that it left as they are.
    """
    unsupported = [line for line in said.splitlines() if "is not supported" in line]
    if unsupported:
        names = sorted({line.rsplit(": ", 1)[-1].split("]")[0] for line in unsupported})
        raise GuestFailure(
            "UnsupportedOperator",
            f"ONNX has nothing for these TensorFlow operators, or tf2onnx knows no way: "
            f"{', '.join(names)}",
            detail="\n".join(line.split(" - ", 2)[-1] for line in unsupported[:20]),
        )
    try:
        onnx.checker.check_model(str(path), full_check=True)
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as error:
        raise GuestFailure(
            "InvalidModel", f"tf2onnx wrote an ONNX model that is not valid: {_first(str(error))}"
        ) from error
    for role, wanted, found in (
        ("inputs", inputs, [value.name for value in graph.input]),
        ("outputs", outputs, [value.name for value in graph.output]),
    ):
        if sorted(wanted) != sorted(found):
            raise GuestFailure(
                "InvalidModel",
                f"tf2onnx wrote other {role} than the SavedModel has: "
                f"{json.dumps(found)} for {json.dumps(wanted)}",
            )


def _name_dimensions(graph: onnx.GraphProto, inputs: Sequence[dict[str, Any]]) -> None:
    """Words for what tf2onnx numbers (unk__12). What it says of other values' shapes goes: it is
    in those numbers, and is found anew."""
    specs = {spec["name"]: spec["shape"] for spec in inputs}
    shapes = [_dims(value) for value in graph.input]
    batched = all(dims and not dims[0].HasField("dim_value") for dims in shapes)
    for value, dims in zip(graph.input, shapes, strict=True):
        words = specs[value.name] or []
        for axis, dim in enumerate(dims):
            if dim.HasField("dim_value"):
                continue
            dim.Clear()
            if axis < len(words) and isinstance(words[axis], str):
                dim.dim_param = words[axis]
            elif axis == 0 and batched:
                dim.dim_param = "batch"
    for value in graph.output:
        for dim in _dims(value):
            if dim.HasField("dim_param"):
                dim.Clear()
    del graph.value_info[:]


def _dims(value: onnx.ValueInfoProto) -> list[Any]:
    return list(value.type.tensor_type.shape.dim)


def _name_weights(graph: onnx.GraphProto, variables: Mapping[str, np.ndarray]) -> None:
    """An initializer that holds a variable's numbers, in whatever order of axes, gets its name."""
    found: dict[Any, list[str]] = {}
    for name, array in variables.items():
        if array.size > 1:
            found.setdefault(_likeness(array), []).append(name)
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    taken |= {value.name for value in (*graph.input, *graph.output)}
    renamed: dict[str, str] = {}
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        for name in found.get(_likeness(array), []) if array.size > 1 else []:
            if name not in taken and _same(variables[name], array):
                renamed[tensor.name] = name
                taken.add(name)
                tensor.name = name
                break
    for graph_part in _graphs(graph):
        for node in graph_part.node:
            for index, name in enumerate(node.input):
                node.input[index] = renamed.get(name, name)
        for value in graph_part.output:
            value.name = renamed.get(value.name, value.name)


def _likeness(array: np.ndarray) -> tuple[Any, ...]:
    """Equal for arrays that are transposes of one another, and seldom for others."""
    if array.dtype.kind != "f":
        return (array.dtype.str, tuple(sorted(array.shape)), array.tobytes())
    return (array.dtype.str, tuple(sorted(array.shape)), float(array.min()), float(array.max()))


def _same(variable: np.ndarray, array: np.ndarray) -> bool:
    for axes in itertools.permutations(range(variable.ndim)):
        if tuple(variable.shape[axis] for axis in axes) == array.shape and np.array_equal(
            variable.transpose(axes), array
        ):
            return True
    return False


def _graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    """The graph and all that its nodes hold."""
    inner = [
        part
        for node in graph.node
        for attribute in node.attribute
        for part in (attribute.g, *attribute.graphs)
        if part.node or part.output
    ]
    return [graph, *(deep for part in inner for deep in _graphs(part))]


def _reason(stderr: str) -> str:
    """The last line: Python prints the exception there."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
