"""What is known of a value while a program is written as ONNX."""

from __future__ import annotations

import inspect
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jax.extend.mlir import ir

if TYPE_CHECKING:
    from interop.converters.jax.exports.streams import Streams


class Refused(Exception):
    """An operation that has no ONNX form here; the text says why."""


@dataclass(frozen=True)
class Size:
    """A whole number that the graph computes: `name` is an int64 without axes.

    Equal keys mean equal numbers. It is `least` or more, and less than `below`, where that is known. One
    that is another and a number more says so (`base`, `plus`).
    """

    name: str = field(compare=False)
    key: Hashable
    least: int | None = field(default=None, compare=False)
    below: int | Size | None = field(default=None, compare=False)
    base: Size | None = field(default=None, compare=False)
    plus: int = field(default=0, compare=False)


#: A size of a tensor. None where nothing is known of it yet.
Dim = int | Size | None


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the program. At most one of the following makes it differ from what `name` holds:

    order: axis i of the value is axis order[i] of what `name` holds.
    thin: the axes along which `name` holds anything; along the others one entry stands for all, and
        its leading ones of these are left away, so that ONNX's broadcasting takes it as it is.
    numbers: small integers that are followed (an array of int and Size), which need no `name`.
    core: of a thin value, what holds its axes alone, where that is at hand.

    streams: of a loop, by whose rounds its entries may be taken or written one by one. row: what the
    round wrote into such a value, and whether from the end.
    """

    name: str
    dtype: str
    sizes: tuple[Dim, ...]
    order: tuple[int, ...] | None = None
    thin: tuple[int, ...] | None = None
    numbers: np.ndarray | None = None
    core: str = ""
    streams: Streams | None = None
    row: tuple[Tensor, bool] | None = None

    @property
    def rank(self) -> int:
        return len(self.sizes)

    def known(self) -> np.ndarray | None:
        """The integers that it holds, where all are known."""
        if self.numbers is None or any(isinstance(one, Size) for one in self.numbers.flat):
            return None
        return self.numbers.astype(self.dtype)


_DTYPES = {
    "i1": "bool", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64",
    "ui8": "uint8", "ui16": "uint16", "ui32": "uint32", "ui64": "uint64",
    "f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64",
    "f8E4M3FN": "float8_e4m3fn", "f8E4M3FNUZ": "float8_e4m3fnuz",
    "f8E5M2": "float8_e5m2", "f8E5M2FNUZ": "float8_e5m2fnuz",
}  # fmt: skip


def dtype_of(kind: Any) -> str:
    """NumPy's name of a tensor's element type. Raises Refused for one that ONNX does not have."""
    element = str(ir.RankedTensorType(kind).element_type)
    if element not in _DTYPES:
        raise Refused(f"numbers of type {element}")
    return _DTYPES[element]


def sizes_of(kind: Any) -> tuple[Dim, ...]:
    """The sizes that a tensor's type says."""
    tensor = ir.RankedTensorType(kind)
    return tuple(
        None if tensor.is_dynamic_dim(axis) else tensor.get_dim_size(axis)
        for axis in range(tensor.rank)
    )


def array_of(attribute: Any) -> np.ndarray:
    """The numbers of a dense attribute; of a splat a single one, without axes."""
    dtype = dtype_of(attribute.type)
    shape = ir.RankedTensorType(attribute.type).shape
    dense: Any = ir.DenseElementsAttr(attribute)
    if dense.is_splat:
        return np.asarray(dense.get_splat_value().value, dtype)
    if np.dtype(dtype).kind == "V":
        return _spelled(str(attribute), dtype).reshape(shape)
    return np.array(dense).astype(dtype, copy=False)


def _spelled(text: str, dtype: str) -> np.ndarray:
    """Narrow floats, which jaxlib's bindings give as text alone: numbers, or their bits in hexadecimal."""
    inner = text[text.index("<") + 1 : text.rindex("> :")]
    if inner.startswith('"0x'):
        return np.frombuffer(bytes.fromhex(inner[3:-1]), dtype)
    bits = f"uint{np.dtype(dtype).itemsize * 8}"
    return np.array(
        [
            np.array(int(one, 16), bits).view(dtype) if one.startswith("0x") else float(one)
            for one in re.findall(r"[-+.\w]+", inner)
        ],
        dtype,
    )


def place_of(location: Any) -> str:
    """The user's own line that an operation comes from, " (file:line)", where it was recorded."""
    lines = re.findall(r'"([^"]+)":(\d+)', str(location))
    own = [one for one in lines if "site-packages" not in one[0]] or lines
    return f" ({own[0][0]}:{own[0][1]})" if own else ""


def module_of(exported: Any) -> Any:
    """The module of a program, which has to outlive its operations; within a context."""
    if "serialized" in inspect.signature(exported.mlir_module).parameters:
        return exported.mlir_module(serialized=False)
    return ir.Module.parse(exported.mlir_module())  # before JAX 0.10: by way of its text


def functions_of(module: Any) -> dict[str, Any]:
    """The functions of a module, by name."""
    return {
        view.operation.attributes["sym_name"].value: view.operation
        for view in module.body.operations
        if view.operation.name == "func.func"
    }
