"""One set of inputs, and whether arrays are such as a model takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interop.errors import UsageError
from interop.parity.inputs.bounds import Allowed
from interop.parity.inputs.roles import Roles
from interop.parity.inputs.values import Array, is_float
from interop.signature import Signature, TensorSpec


@dataclass(frozen=True)
class InputSet:
    """Arrays by input name, with a label for people ("batch 2, normal x 0.1")."""

    label: str
    arrays: dict[str, Array] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        shapes = {name: list(array.shape) for name, array in self.arrays.items()}
        return {"label": self.label, "shapes": shapes}


def validated(
    label: str,
    arrays: Mapping[str, Array],
    signature: Signature,
    found: Roles,
    where: str,
    *,
    non_finite: bool = False,
) -> InputSet:
    """The set of a user's own `arrays` from `where`, in the order of the signature.

    Raises UsageError for names that are missing or unknown, other dtypes or shapes, no elements, an
    index outside its table (as far as `found` knows it) and, but for `non_finite`, NaN or infinity
    (which an additive mask may hold).
    """
    wanted = [spec.name for spec in signature.inputs]
    if set(arrays) != set(wanted):
        missing = sorted(set(wanted) - set(arrays))
        extra = sorted(set(arrays) - set(wanted))
        raise UsageError(
            f"{where} ({label}): inputs missing: {missing or 'none'}, unknown: {extra or 'none'}",
            hint=f"The model takes: {', '.join(wanted)}.",
        )
    resolved: dict[str, int] = {}
    for spec in signature.inputs:
        check(spec, arrays[spec.name], resolved, f"{where} ({label})")
    for name in wanted:
        array, here = np.asarray(arrays[name]), f"{where} ({label})"
        _check_elements(name, array, here)
        if not non_finite:
            _check_finite(name, array, here, infinite=name in found.additive)
        _check_index(name, array, found.allowed.get(name, Allowed()).table, here)
    return InputSet(label, {name: np.asarray(arrays[name]) for name in wanted})


def check(spec: TensorSpec, array: Array, resolved: dict[str, int], where: str) -> None:
    """Raise UsageError unless `array` fits `spec`; note the sizes that it gives to symbols."""
    array = np.asarray(array)
    if array.dtype.name != spec.dtype:
        raise UsageError(
            f"{where}: {spec.name!r} is {array.dtype.name}, the model takes {spec.dtype}",
            hint=f"Convert it with .astype({spec.dtype!r}).",
        )
    if spec.shape is None:
        return
    fits = array.ndim == len(spec.shape)
    for dim, size in zip(spec.shape, array.shape, strict=False):
        if isinstance(dim, int):
            fits &= dim == size
        elif isinstance(dim, str):
            fits &= resolved.setdefault(dim, size) == size
    if not fits:
        raise UsageError(
            f"{where}: {spec.name!r} has shape {list(array.shape)}, "
            f"the model takes {list(spec.shape)}" + (f" with {resolved}" if resolved else ""),
            hint="Dimensions of one name must have one size in all the inputs.",
        )


def _check_elements(name: str, array: Array, where: str) -> None:
    if array.size == 0:
        raise UsageError(
            f"{where}: {name!r} has shape {list(array.shape)}, so no elements: it proves nothing",
            hint="Give inputs with at least one element along each dimension.",
        )


def _check_finite(name: str, array: Array, where: str, *, infinite: bool) -> None:
    if not is_float(array.dtype.name):
        return
    wide = array.astype(np.float64)
    bad = np.isnan(wide) if infinite else ~np.isfinite(wide)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise UsageError(
            f"{where}: {name!r} holds {int(bad.sum())} elements that are NaN or infinite, "
            f"the first at {place}: {wide[place]}",
            hint="What follows from them can hardly be told right from wrong: leave such rows out, or "
            "let `interop check --allow-nan` compare where they go.",
        )


def _check_index(name: str, array: Array, table: int | None, where: str) -> None:
    """ONNX lets an index count from the end of its table, too: -table <= index < table."""
    if table is None:
        return
    bad = (array >= table) | (array < -table)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise UsageError(
            f"{where}: {name!r} holds {array[place]} at {place}, outside the table of {table} "
            "that it indexes",
            hint=f"Give indices from 0 to {table - 1}: is it from another vocabulary?",
        )
