"""Layer normalization, written out with means, as the one operator that it is.

Frameworks without an operator for it write (x - mean) / √(variance + ε) · scale + bias, and so do
exporters to an opset before 17. Others have one, or a layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from interop.graph.patterns import factors, number, producer


def fuse_layer_norms(model: ir.Model) -> None:
    """Put a LayerNormalization (float32, over the last axes) in the place of each product that is
    one, and into it the bias that is added; in place.

    Where the scale went into the next weights, it is all ones. What it was made of is left unused.
    """
    for node in model.graph.all_nodes():
        if node.op_type == "Mul" and node.domain == "":
            _normalize_scaled(node)
    _normalize_rest(model)
    for node in model.graph.all_nodes():
        if node.op_type == "Add" and node.domain == "":
            _take_bias(node)


@dataclass(frozen=True)
class _Norm:
    """x with mean 0 and variance 1 over its last `axes` axes."""

    x: ir.Value
    axes: int
    epsilon: float

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """Of those axes; None where one is open."""
        sizes = [] if self.x.shape is None else list(self.x.shape[-self.axes :])
        known = tuple(size for size in sizes if isinstance(size, int))
        return known if len(known) == self.axes else None

    def fits(self, constant: ir.Value | None) -> bool:
        """Whether it has a number for each place that is normalized over."""
        tensor = None if constant is None else constant.const_value
        return tensor is not None and tuple(tensor.shape) == self.sizes


def _normalize_scaled(node: ir.Node) -> None:
    """Of a product: what is normalized, and a scale for it."""
    parts = factors(node)
    scales = [value for value in parts if value.const_value is not None]
    norm = _norm([value for value in parts if value.const_value is None])
    if norm is not None and len(scales) == 1 and norm.fits(scales[0]):
        _become(node, norm, [scales[0]])


def _normalize_rest(model: ir.Model) -> None:
    """Of what is normalized and read: by ones of a size, which are there once."""
    ones: dict[tuple[int, ...], ir.Value] = {}
    for node in model.graph.all_nodes():
        result = node.outputs[0]
        if node.op_type not in ("Div", "Mul") or node.domain != "":
            continue
        if not result.uses() and not result.is_graph_output():
            continue
        norm = _norm(factors(node) if node.op_type == "Mul" else [result])
        sizes = None if norm is None else norm.sizes
        if norm is None or sizes is None:
            continue
        if sizes not in ones:
            ones[sizes] = _ones(model, f"{result.name}_scale", sizes)
        _become(node, norm, [ones[sizes]])


def _ones(model: ir.Model, name: str, sizes: tuple[int, ...]) -> ir.Value:
    value = ir.Value(
        name=name,
        shape=ir.Shape(sizes),
        type=ir.TensorType(ir.DataType.FLOAT),
        const_value=ir.tensor(np.ones(sizes, np.float32), name=name),
    )
    model.graph.register_initializer(value)
    return value


def _take_bias(node: ir.Node) -> None:
    """Of a sum: what was normalized just now, which nobody else reads, and a bias for it."""
    for normal, bias in (node.inputs, node.inputs[::-1]):
        source = producer(normal, "LayerNormalization")
        if source is None or normal is None or normal.is_graph_output() or len(source.inputs) > 2:
            continue
        x, scale = source.inputs
        if x is None or x.shape is None or scale is None or len(normal.uses()) > 1:
            continue
        if source.attributes.get_int("stash_type", 1) != 1:
            continue
        first = source.attributes.get_int("axis", -1) % len(x.shape)
        norm = _Norm(x, len(x.shape) - first, source.attributes.get_float("epsilon", 1e-5))
        if norm.fits(bias):
            _become(node, norm, [scale, bias])
            return


def _become(node: ir.Node, norm: _Norm, others: list[ir.Value]) -> None:
    node.op_type = "LayerNormalization"
    node.attributes.clear()
    node.attributes["axis"] = ir.AttrInt64("axis", -norm.axes)
    node.attributes["epsilon"] = ir.AttrFloat32("epsilon", norm.epsilon)
    inputs = [norm.x, *others]
    node.resize_inputs(len(inputs))
    for index, value in enumerate(inputs):
        node.replace_input_with(index, value)


def _quotients(parts: list[ir.Value]) -> Iterator[tuple[ir.Value | None, ir.Value | None]]:
    """(a, b) where the product of `parts` is a / b."""
    if len(parts) == 1:
        whole = producer(parts[0], "Div")
        if whole is not None:
            yield whole.inputs[0], whole.inputs[1]
    if len(parts) == 2:
        for value, other in (parts, parts[::-1]):
            inverse = producer(other, "Reciprocal", "Div")
            if inverse is not None and inverse.op_type == "Reciprocal":
                yield value, inverse.inputs[0]
            elif inverse is not None and number(inverse.inputs[0]) == 1:
                yield value, inverse.inputs[1]


def _norm(parts: list[ir.Value]) -> _Norm | None:
    """What the product of `parts` normalizes, if it does nothing else."""
    found = (_divided(centred, root) for centred, root in _quotients(parts))
    return next((norm for norm in found if norm is not None), None)


def _divided(centred: ir.Value | None, root: ir.Value | None) -> _Norm | None:
    """What is normalized where `centred` is divided by `root`; None where that normalizes nothing."""
    square_root, less = producer(root, "Sqrt", "Pow"), producer(centred, "Sub")
    if square_root is None or less is None:
        return None
    if square_root.op_type == "Pow" and number(square_root.inputs[1]) != 0.5:
        return None
    raised = producer(square_root.inputs[0], "Add")
    x, mean = less.inputs
    if raised is None or x is None or x.dtype != ir.DataType.FLOAT or x.shape is None:
        return None
    axes = _last_axes(producer(mean, "ReduceMean"), x, len(x.shape))
    for variance, epsilon in (raised.inputs, raised.inputs[::-1]):
        spread, added = producer(variance, "ReduceMean"), number(epsilon, len(x.shape))
        if axes and added is not None and spread is not None:
            square = spread.inputs[0]
            same = square is not None and axes == _last_axes(spread, square, len(x.shape))
            return _Norm(x, axes, added) if same and _is_square(square, centred) else None
    return None


def _is_square(value: ir.Value | None, base: ir.Value | None) -> bool:
    product = producer(value, "Mul", "Pow")
    if product is None or product.inputs[0] is not base:
        return False
    other = product.inputs[1]
    return other is base if product.op_type == "Mul" else number(other) == 2


def _last_axes(mean: ir.Node | None, of: ir.Value, rank: int) -> int:
    """Over how many axes, the last ones, which it keeps, `mean` is that of `of`; 0 where it is not."""
    if mean is None or mean.inputs[0] is not of or not mean.attributes.get_int("keepdims", 1):
        return 0
    axes = mean.inputs[1] if len(mean.inputs) > 1 else None
    if axes is None or axes.const_value is None:
        return 0
    found = {int(axis) % rank for axis in axes.const_value.numpy().reshape(-1)}
    return len(found) if found == set(range(rank - len(found), rank)) else 0
