"""GELU, written out with Erf, as the one operator that it is.

Exporters say x / 2 · (1 + erf(x / √2)), or x / 2 · erfc(-x / √2) with 1 - erf for erfc. Frameworks have
an operator of their own, and TFLite has no Erf.
"""

from __future__ import annotations

import math

import onnx_ir as ir

from interop.graph.patterns.terms import dims, made_by, number

#: How near a constant in float32 is to what it is meant to be, as a part of it.
_NEAR = 1e-6


def fuse_gelus(model: ir.Model) -> None:
    """Put a Gelu in the place of each product that is one; in place.

    What it was made of is left unused.
    """
    for node in model.graph.all_nodes():
        x = _argument(node)
        if x is not None:
            node.op_type = "Gelu"
            node.attributes.clear()
            node.attributes["approximate"] = ir.AttrString("approximate", "none")
            node.resize_inputs(1)
            node.replace_input_with(0, x)


def _argument(node: ir.Node) -> ir.Value | None:
    """The x of which `node` is the GELU; None if it is none."""
    if node.op_type != "Mul" or node.domain != "":
        return None
    parts, rank = _factors(node), len(dims(node.outputs[0]) or [])
    numbers = [number(value, rank) for value in parts]
    scale = math.prod(found for found in numbers if found is not None)
    others = [value for value, found in zip(parts, numbers, strict=True) if found is None]
    if len(others) != 2 or not math.isclose(scale, 0.5, rel_tol=_NEAR):
        return None
    for x, grown in (others, others[::-1]):
        if len(dims(x) or []) == rank and _is_one_and_erf(grown, x, rank):
            return x
    return None


def _factors(product: ir.Node) -> list[ir.Value]:
    """What a Mul multiplies, products of products taken apart."""
    found: list[ir.Value] = []
    for value in product.inputs:
        assert value is not None
        inner = made_by(value, "Mul")
        found += [value] if inner is None else _factors(inner)
    return found


def _is_one_and_erf(value: ir.Value, x: ir.Value, rank: int) -> bool:
    """Whether `value` is 1 + erf(x / √2), or 1 - erf(-x / √2); numbers may have as many axes as `rank`."""
    plus, minus = made_by(value, "Add"), made_by(value, "Sub")
    node, sign = (plus, 1) if plus is not None else (minus, -1)
    if node is None:
        return False
    one, other = node.inputs
    if sign == 1 and number(one, rank) is None:
        one, other = other, one
    erf = None if other is None else made_by(other, "Erf")
    if erf is None or number(one, rank) != 1:
        return False
    base, scale = _scaled(erf.inputs[0], rank)
    return base is x and math.isclose(scale, sign * math.sqrt(0.5), rel_tol=_NEAR)


def _scaled(value: ir.Value | None, rank: int) -> tuple[ir.Value | None, float]:
    """(x, c) of which `value` is the product c · x, as far as it is one with a number."""
    node = None if value is None else value.producer()
    if node is None or node.domain != "":
        return value, 1.0
    if node.op_type == "Neg":
        base, scale = _scaled(node.inputs[0], rank)
        return base, -scale
    if node.op_type in ("Div", "Mul"):
        first, second = node.inputs
        if node.op_type == "Mul" and number(second, rank) is None:
            first, second = second, first
        constant = number(second, rank)
        if constant:
            base, scale = _scaled(first, rank)
            return base, scale / constant if node.op_type == "Div" else scale * constant
    return value, 1.0
