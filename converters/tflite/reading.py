"""A `.tflite` flatbuffer → records of what it holds, by the schema that LiteRT ships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from interop.converters.tflite.sparse import densified

from interop.workers.failures import GuestFailure


def _names(kind: type) -> dict[int, str]:
    return {value: name for name, value in vars(kind).items() if isinstance(value, int)}


_OPERATORS, _TYPES = _names(schema.BuiltinOperator), _names(schema.TensorType)


@dataclass(frozen=True)
class Tensor:
    """dtype: NumPy's name of it, or the file's own in capitals where NumPy has none ("RESOURCE").

    shape: -1 for a size that is open. data: of a constant. scales, zeros: one number each, or one
    for each index of `axis`; real = (stored - zero) * scale.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: np.ndarray | None = field(repr=False)
    scales: np.ndarray | None
    zeros: np.ndarray | None
    axis: int
    variable: bool
    ranked: bool

    @property
    def quantized(self) -> bool:
        return self.scales is not None and self.dtype.startswith(("int", "uint"))

    @property
    def rank(self) -> int | None:
        return len(self.shape) if self.ranked else None


@dataclass(frozen=True)
class Operator:
    """One call. inputs, outputs: indices of tensors, -1 for one left out."""

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Subgraph:
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """A function of the file: the names of its inputs and outputs → their tensors."""

    key: str
    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True)
class Model:
    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[Signature, ...]


def parse(path: Path) -> Any:
    """The flatbuffer as the schema's own objects, for a file that LiteRT has found to be sound."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    if not model.subgraphs:
        raise GuestFailure("InvalidModel", f"{path} holds no graph")
    return model


def records(model: Any, content: bytes) -> Model:
    """What `parse` gave as records. content: the file, where buffers may lie behind the flatbuffer."""
    return Model(
        tuple(_subgraph(model, graph, content) for graph in model.subgraphs),
        tuple(_signature(one) for one in model.signatureDefs or ()),
    )


def constant(model: Any, tensor: Any) -> np.ndarray | None:
    """The value of one of the schema's tensors; None where it is computed."""
    return _tensor(model, tensor, b"").data


def _signature(found: Any) -> Signature:
    maps = [
        {_text(one.name): int(one.tensorIndex) for one in pairs or ()}
        for pairs in (found.inputs, found.outputs)
    ]
    return Signature(_text(found.signatureKey), int(found.subgraphIndex), *maps)


def _subgraph(model: Any, graph: Any, content: bytes) -> Subgraph:
    return Subgraph(
        tuple(_tensor(model, one, content) for one in graph.tensors),
        tuple(_operator(model, one) for one in _sequence(graph.operators)),
        tuple(int(index) for index in _sequence(graph.inputs)),
        tuple(int(index) for index in _sequence(graph.outputs)),
    )


def _operator(model: Any, found: Any) -> Operator:
    code = model.operatorCodes[found.opcodeIndex]
    # The first 127 stand in a byte of their own, which newer files keep filled.
    name = _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
    if name == "CUSTOM":
        name = f"custom operator {_text(code.customCode)}"
    given = found.builtinOptions or getattr(found, "builtinOptions2", None)
    return Operator(
        name,
        int(code.version),
        tuple(int(index) for index in _sequence(found.inputs)),
        tuple(int(index) for index in _sequence(found.outputs)),
        {} if given is None else dict(vars(given)),
    )


def _tensor(model: Any, found: Any, content: bytes) -> Tensor:
    shape = tuple(int(size) for size in _sequence(found.shape))
    signature = tuple(int(size) for size in _sequence(found.shapeSignature))
    kind = _TYPES[found.type]
    dtype = kind.lower() if kind not in _UNKNOWN_TO_NUMPY else kind
    data = None
    if dtype in _PACKED or dtype == dtype.lower():
        data = _data(model.buffers[found.buffer], content, dtype, shape, found.sparsity)
    scales, zeros, axis = _quantization(found.quantization)
    return Tensor(
        _text(found.name),
        _PACKED.get(dtype, (dtype,))[0],
        signature or shape,
        data,
        scales,
        zeros,
        axis,
        bool(found.isVariable),
        bool(shape) or bool(found.hasRank) or data is not None,
    )


_UNKNOWN_TO_NUMPY = frozenset(
    {"STRING", "RESOURCE", "VARIANT", "BFLOAT16", "FLOAT8_E4M3FN", "FLOAT8_E5M2"}
)
#: Kinds of which a byte holds several → what holds one of them, and its bits.
_PACKED = {"int4": ("int8", 4), "uint4": ("uint8", 4), "int2": ("int8", 2)}


def _quantization(found: Any) -> tuple[np.ndarray | None, np.ndarray | None, int]:
    if found is None or found.scale is None or not len(found.scale):
        return None, None, 0
    scales = np.asarray(found.scale, np.float32)
    zeros = np.zeros(len(scales), np.int64)
    if found.zeroPoint is not None and len(found.zeroPoint):
        zeros = np.broadcast_to(np.asarray(found.zeroPoint, np.int64), scales.shape)
    return scales, zeros, int(found.quantizedDimension)


def _data(
    buffer: Any, content: bytes, dtype: str, shape: tuple[int, ...], sparsity: Any
) -> np.ndarray | None:
    if buffer.data is not None and len(buffer.data):
        raw = np.asarray(buffer.data, np.uint8).tobytes()
    elif getattr(buffer, "size", 0):
        raw = content[buffer.offset : buffer.offset + buffer.size]
    else:
        return None
    if dtype in _PACKED:
        flat = _unpacked(np.frombuffer(raw, np.uint8), *_PACKED[dtype])
    else:
        flat = np.frombuffer(raw, np.dtype(dtype).newbyteorder("<")).astype(dtype)
    if sparsity is not None:
        return densified(flat, shape, sparsity)
    return flat[: int(np.prod(shape))].reshape(shape)


def _unpacked(raw: np.ndarray, dtype: str, bits: int) -> np.ndarray:
    """The numbers that lie in the bytes, the lowest bits first."""
    parts = [(raw >> shift) & (2**bits - 1) for shift in range(0, 8, bits)]
    flat = np.stack(parts, axis=1).reshape(-1).astype(dtype)
    return np.where(flat >= 2 ** (bits - 1), flat - 2**bits, flat) if dtype == "int8" else flat


def _sequence(values: Any) -> Any:
    return () if values is None else values


def _text(value: Any) -> str:
    return "" if value is None else value.decode("utf-8", "replace")
