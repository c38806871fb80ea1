"""Pieces of a graph: the nodes between some values and others, as a model of their own.

onnx.utils.Extractor and onnx_ir.convenience.extract both refuse a piece whose inputs do not cut
all ways to the outputs, or lose what a subgraph captures; and neither puts pieces side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

from interop.parity.settings import reads, subgraphs

#: Set behind the name of a value that a piece is given, where others make it.
GIVEN = "/given"


@dataclass(frozen=True)
class Piece:
    """Nodes by their place in the graph, in order; the values that they read from without (no
    weights among them), and those that are wanted of them."""

    nodes: tuple[int, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Graph:
    """A canonical model, looked up by the names of its values."""

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.nodes: Sequence[NodeProto] = model.graph.node
        self.inputs = tuple(value.name for value in model.graph.input)
        self.outputs = tuple(value.name for value in model.graph.output)
        self.weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self.producer = {
            name: place for place, node in enumerate(self.nodes) for name in node.output if name
        }
        known = {*self.inputs, *self.weights, *self.producer}
        self.reads = [tuple(sorted(reads(node) & known)) for node in self.nodes]
        graph = model.graph
        self._types = {v.name: v for v in (*graph.input, *graph.value_info, *graph.output)}

    @cached_property
    def readers(self) -> Mapping[str, tuple[int, ...]]:
        """The places of the nodes that read each value."""
        found: dict[str, list[int]] = {}
        for place, names in enumerate(self.reads):
            for name in names:
                found.setdefault(name, []).append(place)
        return {name: tuple(places) for name, places in found.items()}

    def is_tensor(self, name: str) -> bool:
        """Whether a value can be handed over; one of unknown type is taken for a tensor."""
        info = self._types.get(name)
        return info is None or info.type.WhichOneof("value") in (None, "tensor_type")

    def dtype(self, name: str) -> np.dtype[np.generic] | None:
        """The NumPy (or ml_dtypes) dtype of a value, None where it is not known."""
        info = self._types.get(name)
        number = 0 if info is None else info.type.tensor_type.elem_type
        return onnx.helper.tensor_dtype_to_np_dtype(number) if number else None

    def shape(self, name: str) -> tuple[int | str | None, ...] | None:
        """Sizes, symbols, None where nothing is known of one; None where the rank is not known."""
        info = self._types.get(name)
        if info is None or not info.type.tensor_type.HasField("shape"):
            return None
        dims = info.type.tensor_type.shape.dim
        return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)

    def type_of(self, name: str) -> ValueInfoProto | None:
        return self._types.get(name)

    def piece(self, outputs: Sequence[str], known: Collection[str]) -> Piece:
        """What `outputs` need beyond the values in `known`; an output counts as not known."""
        stop = (set(known) | set(self.inputs)) - (set(outputs) & self.producer.keys())
        nodes: set[int] = set()
        inputs: set[str] = set()
        waiting = list(outputs)
        while waiting:
            name = waiting.pop()
            if name in self.weights:
                continue
            if name in stop:
                inputs.add(name)
                continue
            place = self.producer[name]
            if place not in nodes:
                nodes.add(place)
                waiting.extend(self.reads[place])
        return Piece(tuple(sorted(nodes)), tuple(sorted(inputs)), tuple(outputs))

    def build(self, piece: Piece) -> ModelProto:
        """The model of one piece, under the graph's own names."""
        return self.build_apart([piece], given="")

    def build_apart(self, pieces: Sequence[Piece], given: str = GIVEN) -> ModelProto:
        """A model of several pieces side by side, none reading what another makes: what a piece is
        given is an input called by the value's name with `given` behind it."""
        model = ModelProto(ir_version=self.model.ir_version, producer_name="interop")
        model.opset_import.extend(self.model.opset_import)
        graph = model.graph
        graph.name = "piece"
        weights: dict[str, TensorProto] = {}
        inputs: dict[str, None] = {}
        for number, piece in enumerate(pieces):
            inner = {n for place in piece.nodes for n in self.nodes[place].output if n}
            names = {name: name + given for name in piece.inputs}
            if len(pieces) > 1:
                names.update({n: f"{n}/{number}" for n in inner - set(piece.outputs)})
            for place in piece.nodes:
                graph.node.append(_renamed(self.nodes[place], names))
                weights.update({n: self.weights[n] for n in self.reads[place] if n in self.weights})
            inputs.update(dict.fromkeys(piece.inputs))
            graph.output.extend(self._value(name, name) for name in piece.outputs)
            weights.update({n: self.weights[n] for n in piece.outputs if n in self.weights})
            graph.value_info.extend(
                self._value(name, names.get(name, name))
                for name in sorted(inner - set(piece.outputs))
                if name in self._types
            )
        graph.input.extend(self._value(name, name + given) for name in inputs)
        graph.initializer.extend(weights.values())
        return model

    def _value(self, name: str, called: str) -> ValueInfoProto:
        value = ValueInfoProto()
        if name in self._types:
            value.CopyFrom(self._types[name])
        value.name = called
        return value


def _renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    _rename(copy, names)
    return copy


def _rename(node: NodeProto, names: Mapping[str, str]) -> None:
    for field in (node.input, node.output):
        _replace(field, names)
    for body in subgraphs(node):
        for inside in body.node:
            _rename(inside, names)
        for value in body.output:  # a body may hand out a value from without
            value.name = names.get(value.name, value.name)


def _replace(field: Iterable[str], names: Mapping[str, str]) -> None:
    field[:] = [names.get(name, name) for name in field]  # type: ignore[index]
