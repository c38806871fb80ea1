"""Rewrites what ONNX spells in ways that a functional model has no words for, or better ones."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from interop.converters.keras.table import DENSE


def join_biases(model: ir.Model) -> None:
    """MatMul(x, W [in, out]) + b [out], which nobody else reads, becomes one node; in place."""
    for node in list(model.graph):
        if node.op_type != "Add" or node.domain != "":
            continue
        for product, bias in (node.inputs, node.inputs[::-1]):
            if product is not None and bias is not None and _join(node, product, bias):
                break


def _join(node: ir.Node, product: ir.Value, bias: ir.Value) -> bool:
    source = product.producer()
    if source is None or source.op_type != "MatMul" or source.domain != "":
        return False
    data, weight = source.inputs
    if data is None or weight is None or product.is_graph_output() or len(product.uses()) != 1:
        return False
    if weight.const_value is None or bias.const_value is None or data.const_value is not None:
        return False
    if data.dtype != ir.DataType.FLOAT or data.shape is None or len(data.shape) < 2:
        return False
    sizes, width = weight.shape, data.shape[-1]
    if sizes is None or len(sizes) != 2 or bias.shape != ir.Shape([sizes[1]]) or width != sizes[0]:
        return False
    domain, name = DENSE
    node.domain, node.op_type = domain, name
    node.resize_inputs(3)
    for index, value in enumerate((data, weight, bias)):
        node.replace_input_with(index, value)
    assert source.graph is not None
    source.graph.remove(source, safe=True)
    return True


def keep_batches(model: ir.Model) -> None:
    """Mark Reshapes that leave the first axis alone, as the symbols of its size show; in place.

    Keras keeps a dynamic batch and infers one more size; ONNX's target alone does not tell.
    """
    for node in model.graph:
        data = node.inputs[0] if node.op_type == "Reshape" and node.domain == "" else None
        if data is None or data.shape is None or len(data.shape) < 2 or not node.outputs[0].shape:
            continue
        if _same(data.shape[:1], node.outputs[0].shape[:1]):
            node.attributes["batch_kept"] = ir.AttrInt64("batch_kept", 1)


def swap_axes(model: ir.Model) -> None:
    """Reshape to rank 3, swap of the last two axes, Reshape back: one Transpose; in place.

    So exporters write it for attention, with two dynamic sizes merged on the way.
    """
    for node in list(model.graph):
        if node.op_type != "Reshape" or node.domain != "" or node.outputs[0].shape is None:
            continue
        swap = _source(node, "Transpose")
        merge = None if swap is None else _source(swap, "Reshape")
        if (
            swap is None
            or merge is None
            or tuple(swap.attributes.get_ints("perm", ())) != (0, 2, 1)
        ):
            continue
        data, merged = merge.inputs[0], merge.outputs[0].shape
        if data is None or data.shape is None or len(data.shape) < 3 or merged is None:
            continue
        *outer, rows, columns = data.shape
        if _same(merged[1:], [rows, columns]) and _same(
            node.outputs[0].shape, [*outer, columns, rows]
        ):
            rank = len(data.shape)
            node.op_type = "Transpose"
            node.attributes.clear()
            node.attributes["perm"] = ir.AttrInt64s("perm", [*range(rank - 2), rank - 1, rank - 2])
            node.resize_inputs(1)
            node.replace_input_with(0, data)
            _drop(swap)


def _source(node: ir.Node, kind: str) -> ir.Node | None:
    """What computes the node's first input, if it is of that kind; Identities are passed over."""
    value = node.inputs[0]
    producer = None if value is None else value.producer()
    while producer is not None and producer.op_type == "Identity" and producer.domain == "":
        value = producer.inputs[0]
        producer = None if value is None else value.producer()
    return producer if producer is not None and producer.op_type == kind else None


def _drop(node: ir.Node) -> None:
    """Remove a node that nobody reads any more, and what only it read."""
    while all(not o.uses() and not o.is_graph_output() for o in node.outputs):
        before = None if node.inputs[0] is None else node.inputs[0].producer()
        assert node.graph is not None
        node.graph.remove(node, safe=True)
        if before is None:
            return
        node = before


def _same(first: Sequence[int | ir.SymbolicDim], second: Sequence[int | ir.SymbolicDim]) -> bool:
    """Whether the sizes are known to be equal."""
    known = [dim if isinstance(dim, int) else dim.value for dim in (*first, *second)]
    half = len(first)
    return None not in known and known[:half] == known[half:]
