"""Outputs that were recorded earlier, beside the inputs that they belong to.

Three forms are read: ONNX test data (`input_0.pb` and `output_0.pb`, or folders `test_data_set_0` of
these); `inputs.npz` and `outputs.npz` (arrays by name, or by "label/name" for several sets);
`inputs.npy` and `outputs.npy`, for a model of one input and one output.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from interop.checks.attempts import Attempt
from interop.errors import UsageError
from interop.proof import Plan
from interop.workers.tensors import write_tensors

Arrays = dict[str, np.ndarray[Any, Any]]

_FORMS = (
    "Give a folder with inputs.npz and outputs.npz, with inputs.npy and outputs.npy, or of ONNX "
    "test data (input_0.pb and output_0.pb, or test_data_set_0 with these)."
)


def inputs_in(folder: Path) -> Path:
    """What to give as the user's own inputs (see parity.own_inputs).

    Raises UsageError where `folder` is none of recorded inputs and outputs.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", hint=_FORMS)
    for name in ("inputs.npz", "inputs.npy"):
        if (folder / name).exists():
            return folder / name
    if any(folder.glob("input_*.pb")) or any(folder.glob("test_data_set_*")):
        return folder
    raise UsageError(f"{folder} holds no recorded inputs", hint=_FORMS)


def attempt(folder: Path, plan: Plan) -> Attempt:
    """The outputs recorded in `folder` for each set of the plan's inputs, which came from there.

    One set is in memory at a time. Raises UsageError where an output or a whole set is missing, or
    one is there that the model does not have.
    """
    outputs = plan.outputs("recorded")
    names = [spec.name for spec in plan.signature.outputs]
    read = _reader(folder, names)
    for one, target in zip(plan.sets, outputs, strict=True):
        arrays = read(one.label)
        _check(f"{folder} ({one.label})", names, list(arrays))
        write_tensors(target, {name: arrays[name] for name in names})
    return Attempt(str(folder), "recorded", tuple(outputs))


def _check(where: str, wanted: list[str], given: list[str]) -> None:
    if set(wanted) == set(given):
        return
    missing = [name for name in wanted if name not in given]
    unknown = [name for name in given if name not in wanted]
    raise UsageError(
        f"{where}: recorded outputs missing: {', '.join(missing) or 'none'}, "
        f"unknown: {', '.join(unknown) or 'none'}",
        hint=f"The model gives: {', '.join(wanted)}.",
    )


def _reader(folder: Path, names: list[str]) -> Callable[[str], Arrays]:
    """A function from a set's label to its outputs."""
    if (folder / "inputs.npz").exists():
        return lambda label: _from_archive(folder / "outputs.npz", label, names)
    if (folder / "inputs.npy").exists():
        return lambda label: _single(folder / "outputs.npy", names)
    alone = any(folder.glob("input_*.pb"))
    return lambda label: _numbered(folder if alone else folder / label, names)


def _from_archive(path: Path, label: str, names: list[str]) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            by_label = {key: key.removeprefix(f"{label}/") for key in archive.files
                        if key.startswith(f"{label}/")}  # fmt: skip
            chosen = by_label or {key: key for key in archive.files}
            return {name: archive[key] for key, name in chosen.items()}
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{path} cannot be read as .npz: {error}", hint=_FORMS) from error


def _single(path: Path, names: list[str]) -> Arrays:
    if len(names) != 1:
        raise UsageError(
            f"{path} holds one array without a name, but the model gives {', '.join(names)}",
            hint="Save them by name, as outputs.npz beside inputs.npz.",
        )
    try:
        return {names[0]: np.load(path, allow_pickle=False)}
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{path} cannot be read as .npy: {error}", hint=_FORMS) from error


def _numbered(folder: Path, names: list[str]) -> Arrays:
    """ONNX's own layout: output_<n>.pb is the model's n-th output, whatever name the tensor bears."""
    files = {f"output_{number}.pb": name for number, name in enumerate(names)}
    found = sorted(path.name for path in folder.glob("output_*.pb"))
    return {files.get(file, file): _tensor(folder / file) for file in found}


def _tensor(path: Path) -> np.ndarray[Any, Any]:
    tensor = onnx.TensorProto()
    try:
        tensor.ParseFromString(path.read_bytes())
        return np.asarray(onnx.numpy_helper.to_array(tensor))
    except (OSError, DecodeError, ValueError, TypeError) as error:
        raise UsageError(
            f"{path} cannot be read as an ONNX tensor: {error}", hint=_FORMS
        ) from error
