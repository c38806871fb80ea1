"""Rewrites what ONNX spells in ways that a functional model has no words for, or better ones."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from interop.converters.keras.table import DENSE, TIED_EMBEDDING, TIED_HEAD


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


def tie_heads(model: ir.Model) -> None:
    """An embedding's table that, transposed, is also the weight of a product: both uses become those
    of one layer, so that they are trained as one; in place."""
    for node in list(model.graph):
        if node.op_type != "Transpose" or node.domain != "":
            continue
        table, turned = node.inputs[0], node.outputs[0]
        if table is None or table.const_value is None or table.dtype != ir.DataType.FLOAT:
            continue
        if len(table.const_value.shape) != 2 or node.attributes.get_ints("perm", (1, 0)) != (1, 0):
            continue
        heads = [user for user, index in turned.uses() if _product(user, index)]
        lookups = [user for user, _ in table.uses() if user is not node]
        if turned.is_graph_output() or len(heads) != len(turned.uses()) or not lookups:
            continue
        if not all(_lookup(user, table) for user in lookups):
            continue
        for user in lookups:
            user.domain, user.op_type = TIED_EMBEDDING
            user.attributes.clear()
        for user in heads:
            user.domain, user.op_type = TIED_HEAD
            user.replace_input_with(1, table)
        _drop(node)


def _product(node: ir.Node, index: int) -> bool:
    data = node.inputs[0]
    known = data is not None and data.shape is not None and len(data.shape) >= 2
    return node.op_type == "MatMul" and node.domain == "" and index == 1 and known


def _lookup(node: ir.Node, table: ir.Value) -> bool:
    indices = node.inputs[1] if len(node.inputs) > 1 else None
    return (
        node.op_type == "Gather" and node.domain == "" and node.inputs[0] is table
        and indices is not None and indices.const_value is None
        and node.attributes.get_int("axis", 0) == 0
    )  # fmt: skip


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
