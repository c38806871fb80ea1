"""A model laid flat, its subgraphs included, to walk from a value to those who read or make it.

ONNX names are unique across a model and its subgraphs, so one table of each kind is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto
from onnx import numpy_helper as nph

from interop.parity.settings import subgraphs
from interop.signature import Dim

INTEGERS = frozenset(
    getattr(TensorProto, f"{sign}INT{width}") for sign in ("", "U") for width in (8, 16, 32, 64)
)

FLOATS = frozenset(
    {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16}
)

#: Operators whose output holds elements of their first input, unchanged but for their type.
KEEPERS = frozenset(
    {"Cast", "CastLike", "Expand", "Flatten", "Identity", "Reshape", "Squeeze", "Tile", "Transpose",
     "Unsqueeze"}
)  # fmt: skip


@dataclass(frozen=True)
class Flat:
    """`ranges` are constants that are each integer of a range (low, high); `returns`: a name in a
    subgraph -> the names that it leaves or re-enters under."""

    consumers: dict[str, list[tuple[NodeProto, int]]] = field(default_factory=dict)
    producers: dict[str, NodeProto] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)
    shapes: dict[str, list[Dim]] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)
    returns: dict[str, list[str]] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()

    def origin(self, name: str) -> str:
        """The value that `name` holds the elements of, behind operators that only reshape or cast."""
        while (node := self.producers.get(name)) is not None and node.op_type in KEEPERS:
            name = node.input[0]
        return name


def flatten(model: ModelProto) -> Flat:
    """`model` must be shape-inferred for `shapes` and `types` to know more than the inputs'."""
    flat = Flat(outputs=tuple(value.name for value in model.graph.output))
    _collect(model.graph, flat)
    return flat


def attribute(node: NodeProto, name: str, default: Any) -> Any:
    """The number that `node` has under `name`."""
    found = next((a for a in node.attribute if a.name == name), None)
    return default if found is None else found.f if isinstance(default, float) else found.i


def _collect(graph: GraphProto, flat: Flat) -> None:
    for tensor in graph.initializer:
        flat.shapes[tensor.name] = list(tensor.dims)
        flat.types[tensor.name] = tensor.data_type
        _note_constant(tensor.name, tensor, flat)
    for value in [*graph.input, *graph.value_info, *graph.output]:
        kind = value.type.tensor_type
        flat.types[value.name] = kind.elem_type
        if kind.HasField("shape"):
            flat.shapes[value.name] = [
                d.dim_value if d.HasField("dim_value") else d.dim_param or None
                for d in kind.shape.dim
            ]
    for node in graph.node:
        _collect_node(node, flat)


def _collect_node(node: NodeProto, flat: Flat) -> None:
    for position, name in enumerate(node.input):
        if name:
            flat.consumers.setdefault(name, []).append((node, position))
    flat.producers.update(dict.fromkeys(node.output, node))
    if node.op_type == "Constant":
        given = node.attribute[0]
        if given.name == "value":
            flat.shapes[node.output[0]] = list(given.t.dims)
            _note_constant(node.output[0], given.t, flat)
        elif given.name == "value_int":
            flat.constants[node.output[0]] = given.i
    for body in subgraphs(node):
        _collect(body, flat)
        for inner, outer in _crossings(node, body):
            flat.returns.setdefault(inner, []).append(outer)


def _note_constant(name: str, tensor: TensorProto, flat: Flat) -> None:
    """Single numbers, and ranges (what a one-hot encoding compares its index with)."""
    size = int(np.prod(tensor.dims))
    if size == 1:
        flat.constants[name] = nph.to_array(tensor).reshape(-1)[0]
    elif size > 1 and tensor.data_type in INTEGERS:
        values = np.unique(nph.to_array(tensor))
        if values.size == size and values[-1] - values[0] == size - 1:
            flat.ranges[name] = (int(values[0]), int(values[-1]) + 1)


def _crossings(node: NodeProto, body: GraphProto) -> Iterator[tuple[str, str]]:
    """(name, name that holds the same value) where values enter and leave a subgraph."""
    inputs, outputs = [v.name for v in body.input], [v.name for v in body.output]
    if node.op_type == "If":
        yield from zip(outputs, node.output, strict=False)
    elif node.op_type == "Loop":
        yield from zip(node.input[2:], inputs[2:], strict=False)
        yield from zip(outputs[1:], node.output, strict=False)
    elif node.op_type == "Scan":
        yield from zip(node.input, inputs, strict=False)
        yield from zip(outputs, node.output, strict=False)
