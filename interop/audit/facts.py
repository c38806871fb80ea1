"""What an ONNX file says of itself, read as it lies there, before anything is changed or run."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from interop.graph import load
from interop.graph.external import ExternalFile, external_files, tensor_bytes, tensors_of
from interop.parity.settings import subgraphs


@dataclass(frozen=True)
class Operator:
    """One kind of node: "" is the domain of the standard; `nodes` names some of them, `types` are
    those of its inputs (ONNX's element types, "float"), as far as they are known."""

    domain: str
    name: str
    count: int
    nodes: tuple[str, ...]
    types: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        return f"{self.domain}::{self.name}" if self.domain else self.name


@dataclass(frozen=True)
class Facts:
    """A model at rest. Sizes are in bytes; `dynamic` holds (input, its open dimensions)."""

    path: Path
    file_bytes: int
    sha256: str
    ir_version: int
    opsets: Mapping[str, int]
    producer: str
    metadata: Mapping[str, str]
    operators: tuple[Operator, ...]
    functions: tuple[tuple[str, str], ...]
    dtypes: tuple[str, ...]
    parameters: int
    weight_bytes: int
    dynamic: tuple[tuple[str, tuple[str, ...]], ...]
    external: tuple[ExternalFile, ...]

    @property
    def opset(self) -> int:
        return self.opsets.get("", self.opsets.get("ai.onnx", 0))

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.path.name,
            "bytes": self.file_bytes,
            "sha256": self.sha256,
            "ir_version": self.ir_version,
            "opsets": dict(self.opsets),
            "producer": self.producer,
            "metadata": dict(self.metadata),
            "operators": {one.title: one.count for one in self.operators},
            "functions": ["::".join(pair) for pair in self.functions],
            "dtypes": list(self.dtypes),
            "parameters": self.parameters,
            "weight_bytes": self.weight_bytes,
            "dynamic": {name: list(dims) for name, dims in self.dynamic},
            "external": [
                {
                    "location": one.location,
                    "tensors": len(one.tensors),
                    "bytes": one.bytes,
                    "problem": one.problem,
                }
                for one in self.external
            ],
        }


def read(path: Path) -> Facts:
    """What the model in `path` says of itself; its external data is not loaded.

    Raises InvalidModel where the file is missing or is no ONNX.
    """
    content = load.read(path)
    return _facts(path, content, load.parse(path, content))


def nodes(model: ModelProto) -> Iterator[NodeProto]:
    """All nodes, those of functions and of bodies (If, Loop, Scan) included."""
    for node in model.graph.node:
        yield from _with_bodies(node)
    for function in model.functions:
        for node in function.node:
            yield from _with_bodies(node)


def label(node: NodeProto) -> str:
    """How a person finds it: its name, else what it gives."""
    return node.name or f"the one that gives {next(iter(node.output), '')!r}"


def _with_bodies(node: NodeProto) -> Iterator[NodeProto]:
    yield node
    for graph in subgraphs(node):
        for inside in graph.node:
            yield from _with_bodies(inside)


def _facts(path: Path, content: bytes, model: ModelProto) -> Facts:
    tensors = list(tensors_of(model))
    return Facts(
        path=path,
        file_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        ir_version=model.ir_version,
        opsets={one.domain: one.version for one in model.opset_import},
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        metadata={one.key: one.value for one in model.metadata_props},
        operators=_operators(model),
        functions=tuple((one.domain, one.name) for one in model.functions),
        dtypes=_dtypes(model, tensors),
        parameters=sum(math.prod(one.dims) for one in tensors),
        weight_bytes=sum(tensor_bytes(one) for one in tensors),
        dynamic=_dynamic(model.graph),
        external=external_files(path, model),
    )


def _operators(model: ModelProto) -> tuple[Operator, ...]:
    known = _types(model)
    counts: Counter[tuple[str, str]] = Counter()
    names: dict[tuple[str, str], list[str]] = {}
    types: dict[tuple[str, str], set[str]] = {}
    for node in nodes(model):
        key = ("" if node.domain == "ai.onnx" else node.domain, node.op_type)
        counts[key] += 1
        names.setdefault(key, []).append(label(node))
        types.setdefault(key, set()).update(known[n] for n in node.input if n in known)
    return tuple(
        Operator(*key, count, tuple(names[key][:5]), frozenset(types[key]))
        for key, count in sorted(counts.items())
    )


def _types(model: ModelProto) -> dict[str, str]:
    """The element type of each value of the main graph, as onnx infers it. Weights stand in as
    inputs: their values are not needed, and two gigabytes of them cannot be handed over."""
    skeleton = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    skeleton.functions.extend(model.functions)
    skeleton.graph.CopyFrom(GraphProto(name="types", input=model.graph.input))
    skeleton.graph.output.extend(model.graph.output)
    given = {value.name for value in model.graph.input}
    for weight in model.graph.initializer:
        if weight.name not in given:
            value = onnx.helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims)
            skeleton.graph.input.append(value)
    skeleton.graph.node.extend(model.graph.node)
    inferred = onnx.shape_inference.infer_shapes(skeleton).graph
    return {
        value.name: TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
        for value in [*inferred.input, *inferred.value_info, *inferred.output]
        if value.type.tensor_type.elem_type
    }


def _dtypes(model: ModelProto, tensors: list[TensorProto]) -> tuple[str, ...]:
    values: list[ValueInfoProto] = [*model.graph.input, *model.graph.output]
    values += list(model.graph.value_info)
    found = {value.type.tensor_type.elem_type for value in values}
    found |= {tensor.data_type for tensor in tensors}
    for node in nodes(model):
        found |= {a.i for a in node.attribute if node.op_type == "Cast" and a.name == "to"}
    names = TensorProto.DataType.Name
    return tuple(sorted(names(one) for one in found if one != TensorProto.UNDEFINED))


def _dynamic(graph: GraphProto) -> tuple[tuple[str, tuple[str, ...]], ...]:
    weights = {tensor.name for tensor in graph.initializer}
    found: list[tuple[str, tuple[str, ...]]] = []
    for value in graph.input:
        if value.name in weights or not value.type.HasField("tensor_type"):
            continue
        tensor = value.type.tensor_type
        if not tensor.HasField("shape"):
            found.append((value.name, ("every one: its rank is not said",)))
            continue
        dims = tuple(
            dim.dim_param or f"number {index}"
            for index, dim in enumerate(tensor.shape.dim)
            if not dim.HasField("dim_value")
        )
        if dims:
            found.append((value.name, dims))
    return tuple(found)
