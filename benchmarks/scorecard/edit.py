"""An ONNX graph under the knife: what mutators and rewrites need to look at a model and change it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper
from onnx import numpy_helper as nph

Array = np.ndarray[Any, Any]
Dims = list[int | str | None]

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
INTEGERS = (TensorProto.INT32, TensorProto.INT64)


_MARK = "scorecard_"


def is_new(node: NodeProto) -> bool:
    """Whether a `Graph` has put it in."""
    return bool(node.output[0].startswith(_MARK))


class Graph:
    """Looks into a canonical model's main graph, and edits it in place: give it a copy to change.

    New nodes and constants get names of their own; initializers are never overwritten, so that a
    change reaches the one node that it is meant for, even where several share a weight.
    """

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self._tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self._types = {
            value.name: value.type.tensor_type
            for values in (model.graph.value_info, model.graph.input, model.graph.output)
            for value in values
        }
        self._number = 0

    @staticmethod
    def copy_of(model: ModelProto) -> Graph:
        copy = ModelProto()
        copy.CopyFrom(model)
        return Graph(copy)

    @property
    def nodes(self) -> Any:
        return self.model.graph.node

    @property
    def inputs(self) -> list[str]:
        return [value.name for value in self.model.graph.input]

    @property
    def outputs(self) -> list[str]:
        return [value.name for value in self.model.graph.output]

    def node(self, output: str) -> NodeProto:
        """The node that gives `output`."""
        return next(node for node in self.nodes if output in node.output)

    def readers(self, name: str) -> list[NodeProto]:
        return [node for node in self.nodes if name in node.input]

    # --- looking ------------------------------------------------------------------------------

    def value(self, node: NodeProto, position: int) -> Array | None:
        """The constant that is input `position`, or None: computed, left out or not there."""
        name = node.input[position] if position < len(node.input) else ""
        return nph.to_array(self._tensors[name]) if name in self._tensors else None

    def weights(self, node: NodeProto, position: int, rank: int | None = None) -> Array | None:
        """Input `position` where it is a constant of floats (of this rank)."""
        found = self.value(node, position)
        if found is None or found.dtype != np.float32 or (rank is not None and found.ndim != rank):
            return None
        return found

    def given(self, node: NodeProto, position: int) -> bool:
        return position < len(node.input) and bool(node.input[position])

    def computed(self, node: NodeProto, position: int) -> bool:
        return self.given(node, position) and node.input[position] not in self._tensors

    def shape(self, name: str) -> Dims | None:
        if name in self._tensors:
            return list(self._tensors[name].dims)
        kind = self._types.get(name)
        if kind is None or not kind.HasField("shape"):
            return None
        return [
            dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
            for dim in kind.shape.dim
        ]

    def input_shape(self, node: NodeProto, position: int = 0) -> Dims:
        """[] where nothing is known."""
        name = node.input[position] if position < len(node.input) else ""
        return self.shape(name) or []

    def output_shape(self, node: NodeProto, position: int = 0) -> Dims:
        return self.shape(node.output[position]) or []

    def type(self, name: str) -> int:
        """TensorProto's number of the element type; 0 where it is not known."""
        if name in self._tensors:
            return int(self._tensors[name].data_type)
        return self._types[name].elem_type if name in self._types else 0

    def floats(self, node: NodeProto) -> bool:
        """Whether its first output is of floats."""
        return self.type(node.output[0]) in FLOATS

    def attribute(self, node: NodeProto, name: str, default: Any = None) -> Any:
        for attribute in node.attribute:
            if attribute.name == name:
                value = helper.get_attribute_value(attribute)
                return value.decode() if isinstance(value, bytes) else value
        return default

    # --- changing -----------------------------------------------------------------------------

    def set(self, node: NodeProto, **values: Any) -> None:
        """Give `node` these attributes."""
        kept = [attribute for attribute in node.attribute if attribute.name not in values]
        del node.attribute[:]
        node.attribute.extend(kept)
        node.attribute.extend(helper.make_attribute(k, v) for k, v in values.items())

    def constant(self, value: Any, dtype: Any = None) -> str:
        """A new initializer; returns its name."""
        array = np.asarray(value, dtype=dtype, order="C")
        tensor = nph.from_array(array, self.fresh("constant"))
        self.model.graph.initializer.append(tensor)
        self._tensors[tensor.name] = self.model.graph.initializer[-1]
        return tensor.name

    def fresh(self, stem: str) -> str:
        self._number += 1
        return f"{_MARK}{stem}_{self._number}"

    def put(self, node: NodeProto, position: int, array: Array) -> None:
        """Input `position` becomes a constant of the type that it had."""
        old = self.value(node, position)
        node.input[position] = self.constant(array, None if old is None else old.dtype)

    def drop_input(self, node: NodeProto, position: int) -> None:
        node.input[position] = ""
        while node.input and not node.input[-1]:
            del node.input[-1]

    def insert(self, at: NodeProto, op: str, inputs: list[str], **attributes: Any) -> str:
        """A new node before `at`; returns the name of its output."""
        (name,) = self.insert_many(at, op, inputs, 1, **attributes)
        return name

    def insert_many(
        self, at: NodeProto, op: str, inputs: list[str], count: int, **attributes: Any
    ) -> list[str]:
        names = [self.fresh(op) for _ in range(count)]
        self.nodes.insert(self._index(at), helper.make_node(op, inputs, names, **attributes))
        return names

    def before(self, node: NodeProto, position: int, op: str, *more: str, **attributes: Any) -> str:
        """`op` between input `position` of `node` and what gave it."""
        name = self.insert(node, op, [node.input[position], *more], **attributes)
        node.input[position] = name
        return name

    def after(self, node: NodeProto, op: str, *more: str, **attributes: Any) -> NodeProto:
        """`op` between the first output of `node` and all that read it, who do not see the change."""
        name, inner = node.output[0], self.fresh(node.op_type)
        node.output[0] = inner
        index = self._index(node) + 1
        self.nodes.insert(index, helper.make_node(op, [inner, *more], [name], **attributes))
        return self.nodes[index]  # type: ignore[no-any-return]

    def become(self, node: NodeProto, op: str, inputs: list[str], **attributes: Any) -> None:
        """`node` turns into another operator with one output, the same as its first."""
        node.op_type, node.domain = op, ""
        del node.input[:], node.attribute[:], node.output[1:]
        node.input.extend(inputs)
        node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())

    def bypass(self, node: NodeProto, position: int = 0) -> None:
        """Hand input `position` on as it is."""
        self.become(node, "Identity", [node.input[position]])

    def finish(self) -> ModelProto:
        """The model, with stale shapes forgotten, unused weights dropped, and checked.

        Raises onnx.checker.ValidationError where the change left no valid model.
        """
        graph = self.model.graph
        read = set(self.outputs) | {name for node in _all_nodes(graph) for name in node.input}
        kept = [tensor for tensor in graph.initializer if tensor.name in read]
        if len(kept) < len(graph.initializer):
            copies = [TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
            del graph.initializer[:]
            graph.initializer.extend(copies)
        del graph.value_info[:]
        for value in graph.output:
            for dim in value.type.tensor_type.shape.dim:
                dim.Clear()
        onnx.checker.check_model(self.model)
        return self.model

    def _index(self, node: NodeProto) -> int:
        return next(i for i, other in enumerate(self.nodes) if other.output == node.output)


def _all_nodes(graph: onnx.GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _all_nodes(attribute.g)
                yield NodeProto(input=[value.name for value in attribute.g.output])
