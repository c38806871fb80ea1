"""Weights that lie in files beside a model, and whether they may, and can, be read.

A model says itself which file is read: whoever writes it must not reach beyond its own folder.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto

#: Bits of one element, where they are not whole bytes.
_BITS = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}


@dataclass(frozen=True)
class ExternalFile:
    """A file that holds weights: the names of its tensors, and the bytes of these. `problem` is empty
    where it is safe and whole, else what follows its name in a sentence; `step` what to do then."""

    location: str
    tensors: tuple[str, ...]
    bytes: int
    problem: str
    step: str


def external_files(path: Path, model: ModelProto) -> tuple[ExternalFile, ...]:
    """The files that tensors of `model`, which lies in `path`, say they lie in; by location."""
    held: dict[str, list[TensorProto]] = {}
    for tensor in tensors_of(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            held.setdefault(_fields(tensor).get("location", ""), []).append(tensor)
    return tuple(
        ExternalFile(
            location,
            tuple(tensor.name for tensor in here),
            sum(map(tensor_bytes, here)),
            *_problem(path.parent, location, here),
        )
        for location, here in sorted(held.items())
    )


def tensors_of(model: ModelProto) -> Iterator[TensorProto]:
    """All that the model holds: weights and attributes, in functions and bodies, too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)


def _of_graph(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _of_graph(graph)


def tensor_bytes(tensor: TensorProto) -> int:
    """Bytes of its elements."""
    name = TensorProto.DataType.Name(tensor.data_type)
    if name == "STRING":
        return sum(len(text) for text in tensor.string_data)
    bits = _BITS.get(name)
    if bits is None:
        bits = 8 * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return (math.prod(tensor.dims) * bits + 7) // 8


def _fields(tensor: TensorProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def _problem(folder: Path, location: str, tensors: Sequence[TensorProto]) -> tuple[str, str]:
    """(what is wrong, what to do), both empty where these may be read."""
    home = folder.resolve()
    absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).is_absolute()
    plain = home / location
    if not location or absolute or ".." in PurePosixPath(location.replace("\\", "/")).parts:
        return (
            "lies outside the model's folder: a model that is loaded must not choose what is read",
            "Move the data beside the model, and save it again.",
        )
    if plain.is_symlink() or not plain.resolve().is_relative_to(home):
        return (
            "is a link: it may lead outside the model's folder, wherever whoever set it likes",
            "Put the file itself in its place.",
        )
    if not plain.is_file():
        return "is not there", "Copy the data file together with the .onnx file."
    return _content_problem(
        plain, [_fields(one) for one in tensors], list(map(tensor_bytes, tensors))
    )


def _content_problem(
    file: Path, fields: Sequence[Mapping[str, str]], sizes: Sequence[int]
) -> tuple[str, str]:
    again, there = "Copy the data file again.", file.stat().st_size
    for one, size in zip(fields, sizes, strict=True):
        numbers = one.get("offset", "0"), one.get("length", str(size))
        if not all(number.isdecimal() for number in numbers):
            return f"has no place {' and length '.join(numbers)}", "Export the model again."
        end = sum(map(int, numbers))
        if end > there:
            return f"is truncated: {there:,} bytes of at least {end:,}", again
    declared = {one["checksum"] for one in fields if one.get("checksum")}
    if declared and _sha1(file) not in declared:
        return "has not the content whose checksum (SHA-1) the model holds", again
    return "", ""


def _sha1(path: Path) -> str:
    """The checksum that external_data may carry is a SHA-1 of the whole file (onnx.proto)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()
