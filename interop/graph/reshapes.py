"""Reshapes as one would write them: what the shapes around them say needs no computing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir


def settle_targets(model: ir.Model) -> None:
    """Give every Reshape a constant target where that means the same; in place.

    Exporters compute one from Shape, piece by piece; most often it keeps the leading dimensions (0 in
    ONNX's words) and knows the others. What computed it is left unused. A constant target that keeps
    sizes infers (-1) none that is known.
    """
    for node in model.graph.all_nodes():
        if node.op_type != "Reshape" or node.domain != "" or node.inputs[1] is None:
            continue
        given, data, shape = node.inputs[1].const_value, node.inputs[0], node.outputs[0].shape
        if given is None:
            target = None if data is None else _target(data.shape, shape)
        elif node.attributes.get_int("allowzero", 0):  # its zeros are sizes, and keep none
            target = None
        else:
            target = _spelt(given.numpy().tolist(), shape)
        if target is None or node.outputs[0].name is None:
            continue
        constant = ir.Value(
            name=f"{node.outputs[0].name}_target",
            shape=ir.Shape([len(target)]),
            type=ir.TensorType(ir.DataType.INT64),
            const_value=ir.tensor(np.array(target, dtype=np.int64)),
        )
        model.graph.register_initializer(constant)
        node.replace_input_with(1, constant)
        node.attributes.pop("allowzero", None)


def _spelt(target: list[int], result: ir.Shape | None) -> list[int] | None:
    """`target`, which keeps sizes, with the one that it infers, where that is known; else None.

    Frameworks that do not know what is kept could not tell what is inferred beside it. A size of 0
    would be read as one that is kept.
    """
    if result is None or -1 not in target or 0 not in target:
        return None
    size = result[target.index(-1)]
    if not isinstance(size, int) or size == 0:
        return None
    return [size if one == -1 else one for one in target]


def _target(data: ir.Shape | None, result: ir.Shape | None) -> list[int] | None:
    """ONNX's target from what is known of the sizes before and after; None where that is too little.

    A size that is inferred (-1) stands only beside known ones: beside one that is kept, and is 0 when
    the model runs, it could not be inferred.
    """
    if data is None or result is None:
        return None
    target = []
    for axis, size in enumerate(result):
        if isinstance(size, int):
            target.append(size)
        elif size.value is not None and axis < len(data) and _size(data[axis]) == size.value:
            target.append(0)
        else:
            target.append(-1)
    known = [size for size in result if isinstance(size, int)]
    if 0 in known or target.count(-1) > 1 or (-1 in target and 0 in target):
        return None
    return target


def drop_idle_expands(model: ir.Model) -> None:
    """Hand on what is given where Expand gives it the shape that it has; in place.

    So exporters broadcast, whether there is anything to broadcast or not.
    """
    for node in list(model.graph.all_nodes()):
        data = node.inputs[0] if node.op_type == "Expand" and node.domain == "" else None
        if data is None or data.shape is None or node.outputs[0].shape is None:
            continue
        if _same(list(data.shape), list(node.outputs[0].shape)):
            node.op_type = "Identity"
            node.resize_inputs(1)


def swap_axes(model: ir.Model) -> None:
    """Reshape to rank 3, swap of the last two axes, Reshape back: one Transpose; in place.

    So exporters write it for attention, with two dynamic sizes merged on the way. What came before is
    left unused.
    """
    for node in model.graph.all_nodes():
        data = _swapped(node)
        if data is None or data.shape is None:
            continue
        *outer, rows, columns = range(len(data.shape))
        node.op_type = "Transpose"
        node.attributes.clear()
        node.attributes["perm"] = ir.AttrInt64s("perm", [*outer, columns, rows])
        node.resize_inputs(1)
        node.replace_input_with(0, data)


def _swapped(node: ir.Node) -> ir.Value | None:
    """What `node` gives with its last two axes swapped, by way of rank 3; None if it is no such."""
    swap = _source(node, "Transpose") if node.op_type == "Reshape" and node.domain == "" else None
    merge = None if swap is None else _source(swap, "Reshape")
    if swap is None or merge is None or swap.attributes.get_ints("perm", ()) != (0, 2, 1):
        return None
    data, merged, result = merge.inputs[0], merge.outputs[0].shape, node.outputs[0].shape
    if data is None or data.shape is None or len(data.shape) < 3 or not merged or not result:
        return None
    *outer, rows, columns = data.shape
    same = _same(list(merged)[1:], [rows, columns])
    return data if same and _same(list(result), [*outer, columns, rows]) else None


def _source(node: ir.Node, kind: str) -> ir.Node | None:
    """What computes the node's first input, if it is of that kind."""
    value = node.inputs[0]
    producer = None if value is None else value.producer()
    if producer is None or producer.op_type != kind or producer.domain != "":
        return None
    return producer


def _same(first: Sequence[int | ir.SymbolicDim], second: Sequence[int | ir.SymbolicDim]) -> bool:
    """Whether the sizes are known to be equal."""
    if len(first) != len(second):
        return False
    pairs = [(_size(a), _size(b)) for a, b in zip(first, second, strict=True)]
    return all(a is not None and a == b for a, b in pairs)


def _size(size: int | ir.SymbolicDim) -> int | str | None:
    return size if isinstance(size, int) else size.value
