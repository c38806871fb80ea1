"""Layer normalization, written out, as the one operator that it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from interop.graph.patterns.terms import (
    become,
    constant,
    dims,
    is_spread,
    made_by,
    number,
    reduced_axes,
    with_number,
    without_ones,
)


def fuse_layer_norms(model: ir.Model) -> None:
    """Put a LayerNormalization in the place of (x - mean) / sqrt(variance + epsilon) [* scale] [+ bias],
    over the last axes; in place.

    The variance may be the mean of the squares without the square of the mean, as flax has it, and
    what rounding leaves of it below zero taken away: in real numbers that is the same.
    """
    for node in reversed(list(ir.traversal.RecursiveGraphIterator(model.graph))):
        used = bool(node.outputs[0].uses()) or node.outputs[0].is_graph_output()
        if node.domain == "" and node.op_type in ("Add", "Mul", "Div") and used:
            _fuse(model, node)


def _fuse(model: ir.Model, node: ir.Node) -> None:
    for product, bias in _sums(node):
        found = _read(product)
        if found is None:
            continue
        scale = found.vector(model, found.scale, 1, f"{node.outputs[0].name}_scale")
        shift = (
            None if bias is None else found.vector(model, bias, 0, f"{node.outputs[0].name}_bias")
        )
        if scale is None or (bias is not None and shift is None):
            continue
        inputs = [found.x, scale] if shift is None else [found.x, scale, shift]
        become(node, "LayerNormalization", inputs, axis=found.axis, epsilon=found.epsilon)
        return


def _sums(node: ir.Node) -> Iterator[tuple[ir.Node, ir.Value | None]]:
    """(product, bias) whose sum `node` is; or the product that it is itself."""
    if node.op_type != "Add":
        yield node, None
        return
    for value, bias in (node.inputs, node.inputs[::-1]):
        product = made_by(value, "Mul", "Div")
        if product is not None and bias is not None and bias.const_value is not None:
            yield product, bias


@dataclass(frozen=True)
class _Normal:
    """x, normalized from `axis` on; scale: a constant, None for 1."""

    x: ir.Value
    axis: int
    epsilon: float
    scale: ir.Value | None

    def vector(
        self, model: ir.Model, value: ir.Value | None, otherwise: float, name: str
    ) -> ir.Value | None:
        """A constant in the shape of what is normalized; None where it is none of that."""
        assert self.x.dtype is not None
        shape = [size for size in (dims(self.x) or [])[self.axis :] if isinstance(size, int)]
        if value is None:
            return constant(model, name, np.full(shape, otherwise, self.x.dtype.numpy()))
        assert value.const_value is not None
        if dims(value) == shape:
            return value
        array = value.const_value.numpy()
        if any(size != 1 for size in array.shape[: -len(shape)]):
            return None
        array = array.reshape(array.shape[-len(shape) :])
        try:
            return constant(model, name, np.array(np.broadcast_to(array, shape)))
        except ValueError:
            return None


def _read(product: ir.Node) -> _Normal | None:
    centred, scale, epsilon, spread = None, None, None, None
    for factor, divides in _factors(product):
        if number(factor) == 1:
            continue
        if factor.const_value is not None and not divides and scale is None:
            scale = factor
            continue
        small = _deviation(factor, divides)
        if small is not None and epsilon is None:
            (spread, variance), epsilon = (factor, small[0]), small[1]
        elif made_by(factor, "Sub") is not None and not divides and centred is None:
            centred = factor
        else:
            return None
    if centred is None or epsilon is None or spread is None:
        return None
    x = made_by(centred, "Sub").inputs[0]  # type: ignore[union-attr]
    axes = None if x is None else _centred(centred, x)
    if x is None or axes is None or not is_spread(spread, x, axes):
        return None
    whole = dims(x) or []
    if axes != list(range(axes[0], len(whole))) or not all(
        type(n) is int for n in whole[axes[0] :]
    ):
        return None
    return _Normal(x, axes[0], epsilon, scale) if _is_variance(variance, x, axes) else None


def _factors(node: ir.Node, divides: bool = False) -> Iterator[tuple[ir.Value, bool]]:
    """What is multiplied, products of products taken apart; and whether it divides."""
    for index, value in enumerate(node.inputs):
        assert value is not None
        below = divides != (node.op_type == "Div" and index == 1)
        inner = made_by(value, "Mul", "Div")
        if inner is None or number(value) is not None:
            yield value, below
        else:
            yield from _factors(inner, below)


def _deviation(value: ir.Value, divides: bool) -> tuple[ir.Value, float] | None:
    """(variance, epsilon) where `value` is the root of their sum, or what one divides by it."""
    value_ = without_ones(value)
    if not divides:
        node = made_by(value_, "Reciprocal", "Div")
        if node is not None and node.op_type == "Div" and number(node.inputs[0]) != 1:
            return None
        value_ = None if node is None else without_ones(node.inputs[-1])
    root = made_by(value_, "Sqrt", "Pow")
    if root is not None and root.op_type == "Pow" and number(root.inputs[1]) != 0.5:
        return None
    total = None if root is None else made_by(without_ones(root.inputs[0]), "Add")
    for small, variance in () if total is None else (total.inputs, total.inputs[::-1]):
        tensor = None if small is None else small.const_value
        if tensor is not None and tensor.size == 1 and variance is not None:
            return variance, float(tensor.numpy().item())
    return None


def _centred(value: ir.Value | None, x: ir.Value) -> list[int] | None:
    """The axes along which `value` is x without its mean."""
    node = made_by(value, "Sub")
    if node is None or node.inputs[0] is not x:
        return None
    axes = _mean_of(node.inputs[1], x)
    return axes if axes is not None and is_spread(node.inputs[1], x, axes) else None


def _mean_of(value: ir.Value | None, x: ir.Value | None) -> list[int] | None:
    node = made_by(without_ones(value), "ReduceMean")
    return reduced_axes(node) if node is not None and node.inputs[0] is x else None


def _is_variance(value: ir.Value, x: ir.Value, axes: list[int]) -> bool:
    mean = made_by(without_ones(value), "ReduceMean")
    if mean is not None:  # of what is left of x, squared
        base = _squared(mean.inputs[0])
        return base is not None and _centred(base, x) == axes == reduced_axes(mean)
    value_ = without_ones(value)
    clipped = made_by(value_, "Relu", "Max")
    if clipped is not None:
        least = [0.0] if clipped.op_type == "Relu" else [n for n, _ in with_number(clipped)]
        inner = [v for v in clipped.inputs if number(v) is None]
        if least != [0.0] or len(inner) != 1:
            return False
        value_ = without_ones(inner[0])
    less = made_by(value_, "Sub")
    if less is None:
        return False
    of_squares, squared = made_by(without_ones(less.inputs[0]), "ReduceMean"), less.inputs[1]
    if of_squares is None or _squared(of_squares.inputs[0]) is not x:
        return False
    return reduced_axes(of_squares) == axes == _mean_of(_squared(without_ones(squared)), x)


def _squared(value: ir.Value | None) -> ir.Value | None:
    """What `value` is the square of."""
    node = made_by(value, "Mul", "Pow")
    if node is None:
        return None
    if node.op_type == "Pow":
        return node.inputs[0] if number(node.inputs[1]) == 2 else None
    return node.inputs[0] if node.inputs[0] is node.inputs[1] else None
