"""Products of matrices that are computed turned around: bᵀ aᵀ, turned back, is a b."""

from __future__ import annotations

import onnx_ir as ir

from interop.graph.patterns.terms import Dims, become, before, dims, made_by


def turn_products(model: ir.Model) -> None:
    """Compute bᵀ aᵀ as (a b)ᵀ where a Transpose follows, with which that is one, and where a or b is
    then read as it is; in place. `shorten_moves` makes one of what follows each other."""
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.op_type != "MatMul" or node.domain != "" or node.outputs[0].is_graph_output():
            continue
        users = [use.node for use in node.outputs[0].uses()]
        if len(users) != 1 or users[0].op_type != "Transpose" or users[0].domain != "":
            continue
        orders = [_order(value) for value in node.inputs]
        sizes, result = [dims(value) for value in node.inputs], dims(node.outputs[0])
        if result is None or None in orders or None in sizes or _swap(len(result)) not in orders:
            continue
        if any(len(one or ()) != len(result) for one in sizes):
            continue
        first, second = (
            _turned(node, value, size or [], f"turned_{side}")
            for value, size, side in zip(node.inputs[::-1], sizes[::-1], "ab", strict=True)
        )
        product = before(node, "MatMul", [first, second], _swapped(result), "turned")
        become(node, "Transpose", [product])
        node.attributes["perm"] = ir.AttrInt64s("perm", _swap(len(result)))


def _order(value: ir.Value | None) -> list[int] | None:
    """The order of axes in which a Transpose gives `value`."""
    node = made_by(value, "Transpose")
    return None if node is None else list(node.attributes.get_ints("perm", ()))


def _turned(node: ir.Node, value: ir.Value | None, sizes: Dims, name: str) -> ir.Value:
    perm = ir.AttrInt64s("perm", _swap(len(sizes)))
    return before(node, "Transpose", [value], _swapped(sizes), name, perm=perm)


def _swap(rank: int) -> list[int]:
    return [*range(rank - 2), rank - 1, rank - 2]


def _swapped(sizes: Dims) -> Dims:
    return [sizes[axis] for axis in _swap(len(sizes))]
