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

from interop.graph.patterns.terms import constant

Array = np.ndarray[Any, Any]

#: Where a canonical model keeps what is known of its file; it is not written.
_KEY = "interop.stored"


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


def as_stored(canonical: Path) -> Path:
    """What `canonical.save_stored` wrote beside the file, or else the file itself."""
    stored = beside(canonical)
    return stored if stored.exists() else canonical


def beside(canonical: Path) -> Path:
    """Where the graph of the file `canonical` lies with its weights as they are stored."""
    return canonical.with_name(f"{canonical.stem}-stored.onnx")


def remember_stored(model: ir.Model, known: Mapping[str, Stored]) -> None:
    """Keep with the canonical `model` what `stored_in` found in the file that it came from."""
    model.graph.meta[_KEY] = known


def remembered(model: ir.Model) -> Mapping[str, Stored]:
    """What `remember_stored` kept with `model`, or with what it is a clone of."""
    known: Mapping[str, Stored] = model.graph.meta.get(_KEY, {})
    return known


def store_again(model: ir.Model) -> int:
    """Give the weights of `model` (canonical; in place) that its file stores as integers those back.

    Returns how many. A weight that is not, to the bit, what its integers stand for stays as it is.
    """
    known, count = remembered(model), 0
    for name, value in list(model.graph.initializers.items()):
        one = known.get(name)
        if one is None or value.const_value is None or value.is_graph_output():
            continue
        real = value.const_value.numpy()
        if real.dtype != one.scale.dtype or not np.array_equal(real, one.real()):
            continue
        _insert(model, value, one)
        count += 1
    return count


def stored_in(model: ir.Model) -> Mapping[str, Stored]:
    """In `model` as it was loaded, by the names that the real weights may have: of what is dequantized,
    and of the result."""
    found = {}
    for node in model.graph:
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


def _insert(model: ir.Model, value: ir.Value, one: Stored) -> None:
    name, graph = str(value.name), model.graph
    parts = {"stored": one.integers, "scale": one.scale, "zero": one.zero}
    operands = [
        constant(model, f"{name}/{word}", array)
        for word, array in parts.items()
        if array is not None
    ]
    axis = {"axis": one.axis} if one.scale.ndim else {}
    node = ir.node("DequantizeLinear", operands, axis, name=f"{name}/real")
    real = node.outputs[0]
    real.shape, real.type = value.shape, value.type
    value.replace_all_uses_with(real)
    del graph.initializers[name]
    real.name = name
    graph.insert_before(graph[0], node)
