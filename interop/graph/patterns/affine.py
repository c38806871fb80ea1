"""Values of a body that are sums of products with constant matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from interop.graph.patterns.terms import given, integers, made_by


@dataclass(frozen=True)
class Affine:
    """The sum of value @ matrix [in, out] over the terms, and a bias: [out], or one number for all."""

    terms: dict[ir.Value, np.ndarray]
    bias: np.ndarray

    def wide(self) -> np.ndarray:
        """The bias as a vector [out]."""
        (width,) = {matrix.shape[1] for matrix in self.terms.values()}
        return np.array(np.broadcast_to(self.bias, (width,)))

    def cut(self, columns: slice) -> Affine:
        wide = self.wide()
        return Affine({value: m[:, columns] for value, m in self.terms.items()}, wide[columns])


def affine(value: ir.Value | None) -> Affine | None:
    """`value` [batch, out] as such a sum; None where it is none."""
    if value is None:
        return None
    if value.const_value is not None:
        array = value.const_value.numpy()
        flat = array.size == array.shape[-1] if array.ndim else True
        return Affine({}, array.reshape(-1) if array.ndim else array) if flat else None
    node = made_by(value, "Add", "Gemm", "Identity", "MatMul", "Slice", "Split")
    return None if node is None else _RULES[node.op_type](node, value)


def _add(node: ir.Node, value: ir.Value) -> Affine | None:
    first, second = (affine(one) for one in node.inputs)
    if first is None or second is None:
        return None
    terms = dict(first.terms)
    for one, matrix in second.terms.items():
        if one in terms and terms[one].shape != matrix.shape:
            return None
        terms[one] = terms[one] + matrix if one in terms else matrix
    return _sound(Affine(terms, first.bias + second.bias))


def _product(node: ir.Node, value: ir.Value) -> Affine | None:
    left, matrix = node.inputs
    if left is None or left.const_value is not None or matrix is None or matrix.const_value is None:
        return None
    array = matrix.const_value.numpy()
    return Affine({left: array}, np.zeros((), array.dtype)) if array.ndim == 2 else None


def _gemm(node: ir.Node, value: ir.Value) -> Affine | None:
    attributes = node.attributes
    plain = attributes.get_float("alpha", 1.0) == attributes.get_float("beta", 1.0) == 1
    found = None if attributes.get_int("transA", 0) or not plain else _product(node, value)
    if found is None:
        return None
    if attributes.get_int("transB", 0):
        found = Affine({left: array.T for left, array in found.terms.items()}, found.bias)
    bias = given(node, 2)
    added = Affine({}, found.bias) if bias is None else affine(bias)
    return None if added is None else _sound(Affine(found.terms, found.bias + added.bias))


def _slice(node: ir.Node, value: ir.Value) -> Affine | None:
    whole = affine(node.inputs[0])
    bounds = [integers(given(node, index)) for index in (1, 2, 3)]
    steps = integers(given(node, 4)) or [1]
    if whole is None or not whole.terms or steps != [1] or bounds[2] not in ([1], [-1]):
        return None
    starts, ends = bounds[0], bounds[1]
    return None if starts is None or ends is None else whole.cut(slice(starts[0], ends[0]))


def _split(node: ir.Node, value: ir.Value) -> Affine | None:
    whole, axis = affine(node.inputs[0]), node.attributes.get_int("axis", 0)
    if whole is None or not whole.terms or axis not in (1, -1):
        return None
    parts, width = integers(given(node, 1)), len(whole.wide())
    if parts is None:
        even, left = divmod(width, len(node.outputs))
        if left:
            return None
        parts = [even] * len(node.outputs)
    place = list(node.outputs).index(value)
    start = sum(parts[:place])
    return whole.cut(slice(start, start + parts[place]))


def _sound(found: Affine) -> Affine | None:
    """It, where its parts have one width."""
    widths = {matrix.shape[1] for matrix in found.terms.values()}
    if len(widths) > 1 or (widths and found.bias.size not in (1, *widths)):
        return None
    return found


_RULES = {
    "Add": _add,
    "Gemm": _gemm,
    "Identity": lambda node, value: affine(node.inputs[0]),
    "MatMul": _product,
    "Slice": _slice,
    "Split": _split,
}
