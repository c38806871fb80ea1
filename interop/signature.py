"""What a model takes and gives: names, dtypes, and dimensions that may be symbolic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from interop.errors import UsageError

#: A dimension is a size, a symbol ("batch"), or None where nothing is known.
Dim = int | str | None


@dataclass(frozen=True)
class TensorSpec:
    """One input or output. `dtype` is a NumPy/ml_dtypes name ("float32", "bfloat16", "bool")."""

    name: str
    dtype: str
    shape: tuple[Dim, ...] | None  # None: the rank itself is unknown

    def to_json(self) -> dict[str, Any]:
        shape = None if self.shape is None else list(self.shape)
        return {"name": self.name, "dtype": self.dtype, "shape": shape}

    @staticmethod
    def from_json(data: dict[str, Any]) -> TensorSpec:
        shape = data["shape"]
        return TensorSpec(data["name"], data["dtype"], None if shape is None else tuple(shape))


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a model, in order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "inputs": [spec.to_json() for spec in self.inputs],
            "outputs": [spec.to_json() for spec in self.outputs],
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Signature:
        return Signature(
            tuple(TensorSpec.from_json(spec) for spec in data["inputs"]),
            tuple(TensorSpec.from_json(spec) for spec in data["outputs"]),
        )


def parse_input(text: str) -> TensorSpec:
    """'name:dtype[dim,dim]' → TensorSpec. Raises UsageError."""
    match = re.fullmatch(r"(?P<name>.+):(?P<dtype>\w+)\[(?P<dims>[^\]]*)\]", text.replace(" ", ""))
    if match is None:
        raise UsageError(
            f"--input {text!r} cannot be read", hint="Write it as 'x:float32[batch,3,224,224]'."
        )
    dims = [dim for dim in match["dims"].split(",") if dim]
    shape: tuple[Dim, ...] = tuple(int(dim) if dim.isdigit() else dim for dim in dims)
    return TensorSpec(match["name"], match["dtype"], shape)
