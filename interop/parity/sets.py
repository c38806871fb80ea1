"""One set of inputs, and whether arrays are such as a model takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interop.errors import UsageError
from interop.parity.values import Array
from interop.signature import TensorSpec


@dataclass(frozen=True)
class InputSet:
    """Arrays by input name, with a label for people ("batch 2, normal x 0.1")."""

    label: str
    arrays: dict[str, Array] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        shapes = {name: list(array.shape) for name, array in self.arrays.items()}
        return {"label": self.label, "shapes": shapes}


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
