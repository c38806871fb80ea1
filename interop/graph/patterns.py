"""What rewrites look for in a graph: who computes a value, and what number or product it is."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir


def producer(value: ir.Value | None, *kinds: str) -> ir.Node | None:
    """The node that computes `value`, if it is a standard operator of one of these kinds."""
    node = None if value is None else value.producer()
    return node if node is not None and node.op_type in kinds and node.domain == "" else None


def number(value: ir.Value | None, rank: int = 0) -> float | None:
    """The floating-point constant of one entry that `value` is; `rank`: that it may have at most."""
    constant = None if value is None else value.const_value
    if constant is None or constant.size != 1 or len(constant.shape) > rank:
        return None
    array = constant.numpy()
    return float(array.reshape(())) if np.issubdtype(array.dtype, np.floating) else None


def factors(product: ir.Node) -> list[ir.Value]:
    """What a Mul multiplies, products of products taken apart."""
    found: list[ir.Value] = []
    for value in product.inputs:
        assert value is not None
        inner = producer(value, "Mul")
        found += [value] if inner is None else factors(inner)
    return found
