"""Quantized weights as they are stored, for runtimes that take ONNX: integers behind a DequantizeLinear.

The canonical graph has them as the real numbers that they stand for, which every target computes with
and the truth is told by. A runtime that is handed those runs another model than the user has: ONNX
Runtime, where real weights stand between quantized activations, quantizes them anew, by one scale for
all channels (its WeightBiasQuantization).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.canonical import save
from interop.graph.load import load

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Stored:
    """What DequantizeLinear makes real: `integers` less `zero`, times `scale`, both along `axis` where
    they are lists."""

    integers: Array
    scale: Array
    zero: Array | None
    axis: int

    def real(self) -> Array:
        """The numbers that they stand for, in the scale's type (ONNX, DequantizeLinear)."""
        along = [1] * self.integers.ndim
        if self.scale.ndim == 1:
            along[self.axis] = len(self.scale)
        shifted = self.integers.astype(np.int64)
        if self.zero is not None:
            shifted = shifted - self.zero.astype(np.int64).reshape(along if self.zero.ndim else ())
        scale = self.scale.reshape(along if self.scale.ndim else ())
        return (shifted.astype(self.scale.dtype) * scale).astype(self.scale.dtype)


def save_stored(model: ir.Model, exported: Path, canonical: Path) -> None:
    """Beside the file `canonical` of `model`, that with the weights as `exported` stores them; nothing
    where it stores none as integers."""
    copy = model.clone()
    if store_again(copy, exported):
        save(copy, _beside(canonical))


def as_stored(canonical: Path) -> Path:
    """What `save_stored` wrote beside the file, or else the file itself."""
    beside = _beside(canonical)
    return beside if beside.exists() else canonical


def _beside(canonical: Path) -> Path:
    return canonical.with_name(f"{canonical.stem}-stored.onnx")


def store_again(model: ir.Model, exported: Path) -> int:
    """Give the weights of `model` (canonical; in place) that `exported` stores as integers those back.

    Returns how many. A weight that is not, to the bit, what its integers stand for stays as it is.
    """
    known = _stored_in(exported)
    graph, count = model.graph, 0
    for name, value in list(graph.initializers.items()):
        one = known.get(name)
        if one is None or value.const_value is None or value.is_graph_output():
            continue
        real = value.const_value.numpy()
        if real.dtype != one.scale.dtype or not np.array_equal(real, one.real()):
            continue
        _insert(graph, value, one)
        count += 1
    return count


def _stored_in(exported: Path) -> Mapping[str, Stored]:
    """By the names that the real weights may have: of what is dequantized, and of the result."""
    found = {}
    for node in load(exported).graph:
        if (node.domain, node.op_type) != ("", "DequantizeLinear"):
            continue
        if node.attributes.get_int("block_size", 0):
            continue
        arrays = [None if value is None else _constant(value) for value in node.inputs]
        integers, scale, zero = (*arrays, None)[:3]
        if integers is None or scale is None or (zero is None and len(arrays) > 2):
            continue
        one = Stored(integers, scale, zero, node.attributes.get_int("axis", 1))
        for value in (node.inputs[0], node.outputs[0]):
            if value is not None and value.name:
                found[value.name] = one
    return found


def _constant(value: ir.Value) -> Array | None:
    tensor = ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()


def _insert(graph: ir.Graph, value: ir.Value, one: Stored) -> None:
    name = str(value.name)
    parts = {"stored": one.integers, "scale": one.scale, "zero": one.zero}
    operands = []
    for word, array in parts.items():
        if array is None:
            continue
        made = ir.Value(
            name=f"{name}/{word}",
            shape=ir.Shape(array.shape),
            type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
            const_value=ir.tensor(array, name=f"{name}/{word}"),
        )
        graph.register_initializer(made)
        operands.append(made)
    axis = {"axis": one.axis} if one.scale.ndim else {}
    node = ir.node("DequantizeLinear", operands, axis, name=f"{name}/real")
    real = node.outputs[0]
    real.shape, real.type = value.shape, value.type
    value.replace_all_uses_with(real)
    del graph.initializers[name]
    real.name = name
    graph.insert_before(graph[0], node)
