"""The logistic function, written out as 1 / (1 + exp(-x)), as the one operator that it is."""

from __future__ import annotations

import onnx_ir as ir

from interop.graph.patterns.terms import become, made_by, number, with_number


def fuse_sigmoids(model: ir.Model) -> None:
    """Put a Sigmoid in the place of each quotient that is one, also in bodies; in place."""
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        x = _argument(node)
        if x is not None:
            become(node, "Sigmoid", [x])


def _argument(node: ir.Node) -> ir.Value | None:
    """The x of which `node` is the logistic function; None if it is none."""
    if node.domain != "" or node.op_type not in ("Div", "Reciprocal"):
        return None
    if node.op_type == "Div" and number(node.inputs[0]) != 1:
        return None
    total = made_by(node.inputs[-1], "Add")
    for one, grown in () if total is None else with_number(total):
        exp = made_by(grown, "Exp")
        negative = None if exp is None else made_by(exp.inputs[0], "Neg")
        if one == 1 and negative is not None:
            return negative.inputs[0]
    return None
