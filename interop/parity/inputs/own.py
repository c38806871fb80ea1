"""The user's own inputs: an .npz or .npy file, a folder of ONNX test data, a Python generator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto
from onnx import numpy_helper as nph

from interop.errors import UsageError
from interop.parity.inputs.generated import read_generator
from interop.parity.inputs.roles import Roles
from interop.parity.inputs.sets import InputSet, validated
from interop.parity.inputs.values import Array, dtype_of
from interop.signature import Signature

#: Sets by label, and in each the arrays by name.
Groups = dict[str, dict[str, Array]]

_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_FORMS = (
    "Give an .npz of arrays by input name, an .npy for a model of one input, a folder with "
    "input_0.pb (or test_data_set_0/input_0.pb), or package.module:callable."
)


def load_input_sets(
    source: Path | str,
    signature: Signature,
    found: Roles | None = None,
    *,
    seed: int = 0,
    non_finite: bool = False,
) -> tuple[InputSet, ...]:
    """The sets that `source` holds, checked against the signature and what is `found` in the graph.

    .npz: one array per input name makes one set; names of the form "label/name", one a label.
    .npy: the array of a model's only input. A folder: ONNX test data, one set or a folder for each
    (test_data_set_0). `package.module:callable`: what it yields (generated.py). NaN and infinity
    are refused but for `non_finite`.

    Raises UsageError where it cannot be read or does not fit, naming the input and the file.
    """
    groups = _read(str(source), signature, seed)
    if not groups:
        raise UsageError(
            f"{source} holds no arrays",
            hint=f"It needs: {', '.join(sorted(spec.name for spec in signature.inputs))}.",
        )
    return tuple(
        validated(
            label, _typed(arrays, signature), signature, found or Roles(), str(source),
            non_finite=non_finite,
        )
        for label, arrays in groups.items()
    )  # fmt: skip


def _read(source: str, signature: Signature, seed: int) -> Groups:
    path = Path(source)
    if _CALLABLE.fullmatch(source) and not path.exists():
        return read_generator(source, seed)
    if path.is_dir():
        return _test_data(path, signature)
    if path.suffix == ".npy":
        return _single(path, signature)
    return _archive(path, signature)


def _archive(path: Path, signature: Signature) -> Groups:
    loaded = _load(path)
    if not isinstance(loaded, dict):
        raise UsageError(f"{path} cannot be read as .npz input: it holds one array", hint=_FORMS)
    names = {spec.name for spec in signature.inputs}
    groups: Groups = {}
    for key, array in loaded.items():
        label, name = ("inputs", key) if key in names else _split(key)
        groups.setdefault(label, {})[name] = array
    return groups


def _single(path: Path, signature: Signature) -> Groups:
    loaded = _load(path)
    if isinstance(loaded, dict) or len(signature.inputs) != 1:
        names = ", ".join(spec.name for spec in signature.inputs)
        raise UsageError(
            f"{path} holds one array without a name, but the model takes {names}",
            hint="Save an .npz with numpy.savez(path, input_name=array, ...).",
        )
    return {"inputs": {signature.inputs[0].name: loaded}}


def _load(path: Path) -> Any:
    """An array, or for an .npz those that it holds."""
    try:
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return (
                loaded if isinstance(loaded, np.ndarray) else {n: loaded[n] for n in loaded.files}
            )
    except (OSError, ValueError, EOFError, AttributeError) as error:
        form = ".npy" if path.suffix == ".npy" else ".npz"
        raise UsageError(
            f"{path} cannot be read as {form} input: {error}",
            hint="Save plain arrays with numpy.savez(path, input_name=array, ...)."
            if path.exists()
            else _FORMS,
        ) from error


def _split(key: str) -> tuple[str, str]:
    label, _, name = key.partition("/")
    return (label, name) if name else ("inputs", key)


def _test_data(folder: Path, signature: Signature) -> Groups:
    """ONNX's own layout: input_<n>.pb is the model's n-th input, whatever name the tensor bears."""
    folders = [folder] if any(folder.glob("input_*.pb")) else sorted(folder.glob("test_data_set_*"))
    groups = {one.name: _numbered(one, signature) for one in sorted(folders, key=_number)}
    if not groups:
        raise UsageError(
            f"{folder} holds neither input_0.pb nor a folder test_data_set_0", hint=_FORMS
        )
    return groups


def _numbered(folder: Path, signature: Signature) -> dict[str, Array]:
    files = sorted(folder.glob("input_*.pb"), key=_number)
    numbers = [_number(file) for file in files]
    if numbers != list(range(len(signature.inputs))):
        names = ", ".join(spec.name for spec in signature.inputs)
        raise UsageError(
            f"{folder} holds {[file.name for file in files] or 'no inputs'}, but the model takes "
            f"{len(signature.inputs)} inputs: {names}",
            hint="Write input_0.pb and so on, one for each in this order.",
        )
    return {spec.name: _tensor(f) for spec, f in zip(signature.inputs, files, strict=True)}


def _number(path: Path) -> int:
    """The number that a name ends in; -1 where there is none."""
    digits = re.search(r"_(\d+)$", path.stem)
    return int(digits[1]) if digits else -1


def _tensor(path: Path) -> Array:
    tensor = TensorProto()
    try:
        tensor.ParseFromString(path.read_bytes())
        if tensor.data_type == TensorProto.UNDEFINED:
            raise ValueError("it holds no tensor (sequences and optional values are not read)")
        return np.asarray(nph.to_array(tensor))
    except (OSError, DecodeError, ValueError, TypeError, onnx.checker.ValidationError) as error:
        raise UsageError(
            f"{path} cannot be read as an ONNX tensor: {error}",
            hint="Write it with onnx.numpy_helper.from_array(array).SerializeToString().",
        ) from error


def _typed(arrays: Mapping[str, Array], signature: Signature) -> dict[str, Array]:
    """NumPy's files keep no name for types that are not its own: bfloat16 comes back as bare bytes,
    which are taken as what the model wants where their width is the same."""
    wanted = {spec.name: dtype_of(spec.dtype) for spec in signature.inputs}
    return {
        name: array.view(wanted[name])
        if array.dtype.kind == "V" and name in wanted and array.itemsize == wanted[name].itemsize
        else array
        for name, array in arrays.items()
    }
