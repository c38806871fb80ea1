"""Decides the physical layout of every tensor, once, on the graph.

ONNX keeps images as [N, C, spatial…]; TensorFlow on a CPU wants [N, spatial…, C]. This pass moves the
spatial operators to domain `interop.channels_last`, where data input and data output are physically
channels-last and everything else is as in ONNX, and lets that layout flow through every operator
that can carry it, from the axes that each declares (`layout_rules.py`). A Transpose is put only where
a channels-last tensor meets an operator that cannot, and at the model's own inputs and outputs.

Words: a value is *last* when its physical order is channels-last, *first* when it is ONNX's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

DOMAIN = "interop.channels_last"

#: Rank → a permutation of axes: `last_order` or `first_order`.
Order = Callable[[int], tuple[int, ...]]


def last_order(rank: int) -> tuple[int, ...]:
    """Physical axis i of a channels-last tensor holds logical axis `last_order(rank)[i]`."""
    return (0, *range(2, rank), 1)


def first_order(rank: int) -> tuple[int, ...]:
    """The inverse: logical axis i stands at physical axis `first_order(rank)[i]`."""
    return (0, rank - 1, *range(1, rank - 1))


def to_channels_last(model: ir.Model, *, keep_io: bool = True) -> ir.Model:
    """Rewrite `model` (canonical, shapes inferred) in place; returns it.

    With `keep_io` the model's inputs and outputs keep ONNX's order; without it, those of rank 4 that
    the pass finds to be images are handed in and out channels-last.
    """
    from interop.graph.layout_rules import RULES

    layouts = Layouts(model.graph)
    if not keep_io:
        layouts.adopt_inputs()
    for node in list(model.graph.all_nodes()):
        rule = RULES.get(node.op_type) if node.domain == "" else None
        if rule is None or not rule(node, layouts):
            layouts.keep_first(node)
    layouts.finish_outputs(keep_io)
    return model


class Layouts:
    """Which values exist in which layout, and the conversions between them made so far."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph
        self._last: set[ir.Value] = set()  # values whose own data is channels-last
        self._other: dict[ir.Value, ir.Value] = {}  # a value's copy in the layout it does not have

    def is_last(self, value: ir.Value | None) -> bool:
        return value is not None and value in self._last

    def mark_last(self, value: ir.Value) -> None:
        """`value` (logical shape known or not) is from now on produced channels-last."""
        self._last.add(value)
        if value.shape is not None:
            value.shape = _permute_shape(value.shape, last_order(len(value.shape)))

    def rank(self, value: ir.Value | None) -> int | None:
        return None if value is None or value.shape is None else len(value.shape)

    def logical_shape(self, value: ir.Value) -> list[int | ir.SymbolicDim] | None:
        """The shape of `value` in ONNX's own order."""
        if value.shape is None:
            return None
        if self.is_last(value):
            return list(_permute_shape(value.shape, first_order(len(value.shape))))
        return list(value.shape)

    def first(self, value: ir.Value) -> ir.Value:
        """`value` in ONNX's order: itself, or a (shared) Transpose of it."""
        return self._convert(value, first_order) if self.is_last(value) else value

    def last(self, value: ir.Value) -> ir.Value:
        """`value` channels-last: itself, or a (shared) Transpose of it, or a permuted weight."""
        return value if self.is_last(value) else self._convert(value, last_order)

    def keep_first(self, node: ir.Node) -> None:
        """Feed `node`, which can carry no other layout, in ONNX's order."""
        for index, value in enumerate(node.inputs):
            if self.is_last(value):
                assert value is not None
                node.replace_input_with(index, self.first(value))

    def permute_vector(self, value: ir.Value, order: Sequence[int], like: ir.Node) -> ir.Value:
        """The 1-D tensor `value` (one entry an axis) with its entries in another order."""
        if value.const_value is not None:
            return self.constant(value.const_value.numpy()[list(order)], f"{value.name}_reordered")
        indices = self.constant(np.array(order, dtype=np.int64), f"{value.name}_order")
        node = ir.node("Gather", [value, indices], {"axis": 0})
        node.outputs[0].name = f"{value.name}_reordered_{like.name}"
        node.outputs[0].shape, node.outputs[0].type = value.shape, value.type
        like.prepend([node])
        return node.outputs[0]

    def constant(self, array: np.ndarray, name: str) -> ir.Value:
        """A new initializer of the main graph, under a name not in use."""
        initializers = self._graph.initializers
        unique, count = name, 1
        while unique in initializers:
            unique, count = f"{name}_{count}", count + 1
        value = ir.Value(
            name=unique,
            shape=ir.Shape(array.shape),
            type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
            const_value=ir.tensor(np.ascontiguousarray(array), name=unique),
        )
        self._graph.register_initializer(value)
        return value

    def adopt_inputs(self) -> None:
        """Take the images among the model's inputs channels-last."""
        for value in self._graph.inputs:
            if self.rank(value) == 4:
                self.mark_last(value)

    def finish_outputs(self, keep_io: bool) -> None:
        """Hand the outputs of every graph out as their readers expect them, under their names."""
        for graph in [self._graph, *self._graph.subgraphs()]:
            for index, value in enumerate(graph.outputs):
                main = graph is self._graph
                if not self.is_last(value) or (main and not keep_io and self.rank(value) == 4):
                    continue
                name, first = value.name, self.first(value)
                graph.outputs[index] = first
                if main and first.producer() is not None:
                    value.name, first.name = f"{name}_channels_last", name

    def _convert(self, value: ir.Value, order_of: Order) -> ir.Value:
        if value not in self._other:
            rank = self.rank(value)
            assert rank is not None, "only values of known rank change layout"
            order = order_of(rank)
            if value.const_value is not None:
                array = value.const_value.numpy().transpose(order)
                copy = self.constant(array, f"{value.name}_channels_last")
            else:
                copy = self._insert_transpose(value, order)
            self._other[value] = copy
            self._other[copy] = value
            if order_of is last_order:
                self._last.add(copy)
        return self._other[value]

    def _insert_transpose(self, value: ir.Value, order: tuple[int, ...]) -> ir.Value:
        assert value.shape is not None
        shape = _permute_shape(value.shape, order)
        moved = [dim for axis, dim in enumerate(value.shape) if axis != 0 and dim != 1]
        if len(moved) <= 1 and sum(not isinstance(dim, int) for dim in shape) <= 1:
            # Nothing changes places in memory: a Reshape costs nothing.
            target = [dim if isinstance(dim, int) else -1 for dim in shape]
            sizes = self.constant(np.array(target, dtype=np.int64), f"{value.name}_shape")
            node = ir.node("Reshape", [value, sizes], {"allowzero": 0})
        else:
            node = ir.node("Transpose", [value], {"perm": order})
        suffix = "channels_first" if value in self._last else "channels_last"
        node.name = f"{value.name}_to_{suffix}"
        output = node.outputs[0]
        output.name, output.shape, output.type = f"{value.name}_{suffix}", shape, value.type
        producer = value.producer()
        if producer is not None:
            producer.append([node])
        elif len(self._owner(value)):
            graph = self._owner(value)
            graph.insert_before(graph[0], [node])
        else:
            self._owner(value).append(node)
        return output

    def _owner(self, value: ir.Value) -> ir.Graph:
        """The graph whose input `value` is."""
        return next(
            graph
            for graph in [self._graph, *self._graph.subgraphs()]
            if any(value is candidate for candidate in graph.inputs)
        )


def _permute_shape(shape: ir.Shape, order: Sequence[int]) -> ir.Shape:
    return ir.Shape([shape[axis] for axis in order])
