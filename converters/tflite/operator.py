"""One TFLite operator while it is written as ONNX, and the values that it reads and gives.

Two things are kept apart here for all operators. *Numbers*: a quantized tensor is written as what is
stored, and made real (DequantizeLinear) for whoever computes with it. *Order*: TFLite has images as
[N, spatial…, C] ("last"), ONNX's windows want [N, C, spatial…] ("first"); a value is transposed where
it is needed otherwise than it is there, and what works in either order takes it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from interop.converters.tflite.reading import Operator, Subgraph, Tensor

from interop.workers.onnx_file import Graph


class Refused(Exception):
    """An operator that has no ONNX form here; the text says why."""


@dataclass
class Scope:
    """What has been written of one subgraph: (tensor, "last" or "first") → its name in ONNX.

    constants: tensors whose numbers are known. call: writes another subgraph into a graph.
    subgraphs: all of the file.
    """

    graph: Graph
    subgraph: Subgraph
    constants: dict[int, np.ndarray]
    call: Callable[[int, Graph, Sequence[str]], list[str]]
    subgraphs: Sequence[Subgraph]
    names: dict[tuple[int, str], str] = field(default_factory=dict)
    real: dict[tuple[int, str], str] = field(default_factory=dict)

    def stored(self, index: int, order: str = "last") -> str:
        """The ONNX name of a tensor, as stored, in that order of its axes."""
        if (index, order) in self.names:
            return self.names[index, order]
        tensor = self.subgraph.tensors[index]
        if index in self.constants:
            array = self.constants[index]
            name = self.graph.constant(permuted(array, order), tensor.name or "constant")
        else:
            other = "first" if order == "last" else "last"
            if (index, other) not in self.names:
                raise Refused(f"'{tensor.name}' is not computed by anything")
            perm = order_of(known_rank(tensor), order)
            name = self.graph.node("Transpose", [self.names[index, other]], perm=perm)
        self.names[index, order] = name
        return name

    def as_real(self, index: int, order: str = "last") -> str:
        """As `stored`, but what is quantized comes as the real numbers that it stands for."""
        tensor = self.subgraph.tensors[index]
        if not tensor.quantized:
            return self.stored(index, order)
        if (index, order) not in self.real:
            name = self.stored(index, order)
            axis = position(tensor.axis, len(tensor.shape), order)
            self.real[index, order] = dequantized(self.graph, name, tensor, axis)
        return self.real[index, order]


def permuted(array: np.ndarray, order: str) -> np.ndarray:
    """A constant of TFLite's order in another one."""
    return array if order == "last" else array.transpose(order_of(array.ndim, order))


def order_of(rank: int, order: str) -> list[int]:
    """The permutation that leads to `order` from the other one."""
    return [0, rank - 1, *range(1, rank - 1)] if order == "first" else [0, *range(2, rank), 1]


def position(axis: int, rank: int, order: str) -> int:
    """Where TFLite's axis stands in that order."""
    axis %= rank
    if order == "last" or axis == 0:
        return axis
    return 1 if axis == rank - 1 else axis + 1


def known_rank(tensor: Tensor) -> int:
    if tensor.rank is None:
        raise Refused(f"the rank of '{tensor.name}' is not known")
    return tensor.rank


def dequantized(graph: Graph, name: str, tensor: Tensor, axis: int) -> str:
    """DequantizeLinear (onnx.ai/onnx/operators): (stored - zero) * scale, along `axis` if need be."""
    return graph.node("DequantizeLinear", [name, *_parameters(graph, tensor)], axis=axis)


def quantized(graph: Graph, name: str, tensor: Tensor, axis: int = 0) -> str:
    """QuantizeLinear: round(real / scale) + zero, halves to even, kept within the type."""
    return graph.node("QuantizeLinear", [name, *_parameters(graph, tensor)], axis=axis)


def _parameters(graph: Graph, tensor: Tensor) -> list[str]:
    assert tensor.scales is not None
    assert tensor.zeros is not None
    scales, zeros = tensor.scales, tensor.zeros.astype(tensor.dtype)
    if len(scales) == 1:
        scales, zeros = scales.reshape(()), zeros.reshape(())
    if tensor.dtype == "int32":  # of which ONNX knows none that are shifted
        return [graph.constant(scales, "scale")]
    return [graph.constant(scales, "scale"), graph.constant(zeros, "zero")]


class Op:
    """What a converter is given: the operator, its operands, and the graph to write into."""

    def __init__(self, scope: Scope, operator: Operator) -> None:
        self.scope, self.graph = scope, scope.graph
        self.name, self._options = operator.name, operator.options
        self.inputs, self.outputs = operator.inputs, operator.outputs
        self.order = "last"
        self.as_stored = False  # set for what moves numbers without making them real

    def option(self, name: str) -> Any:
        """An option by the schema's name; what the file leaves out is nothing (0, False)."""
        return self._options.get(name, 0)

    def tensor(self, index: int) -> Tensor:
        return self.scope.subgraph.tensors[self.inputs[index]]

    def result(self, index: int = 0) -> Tensor:
        return self.scope.subgraph.tensors[self.outputs[index]]

    def has(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] >= 0

    def rank(self, index: int = 0) -> int:
        return known_rank(self.tensor(index))

    def axis(self, axis: int, rank: int | None = None) -> int:
        """Where one of TFLite's axes stands in the order that this operator is written in."""
        return position(int(axis), self.rank() if rank is None else rank, self.order)

    def array(self, index: int) -> np.ndarray:
        """A constant operand. Raises Refused where it is computed."""
        found = self.scope.constants.get(self.inputs[index])
        if found is None:
            raise Refused(f"operand {index} ('{self.tensor(index).name}') is not a constant")
        return found

    def known(self, index: int) -> bool:
        return self.inputs[index] in self.scope.constants

    def stored(self, index: int) -> str:
        return self.scope.stored(self.inputs[index], self.order)

    def real(self, index: int) -> str:
        return self.scope.as_real(self.inputs[index], self.order)

    def data_in_last_order(self) -> str:
        """Operand 0, for a result that has other axes; from now on this operator works in that order."""
        self.order = "last"
        return self.stored(0) if self.as_stored else self.real(0)

    def wide(self, index: int) -> str:
        """An operand as int64, as ONNX wants sizes and axes."""
        if self.known(index):
            return self.constant(self.array(index).astype(np.int64))
        return self.emit("Cast", [self.scope.stored(self.inputs[index])], to=INT64)

    def constant(self, array: Any, dtype: Any = None) -> str:
        return self.graph.constant(np.asarray(array, dtype), "constant")

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def emit(self, operator: str, inputs: Sequence[str], count: int = 1, **attributes: Any) -> Any:
        """A node; the name of its result, or `count` names."""
        return self.graph.node(operator, list(inputs), count=count, **attributes)

    def activated(self, x: str) -> str:
        """`x` through the activation that is fused into this operator."""
        return ACTIVATIONS[self.option("fusedActivationFunction")](self, x)

    def clipped(self, x: str, low: float, high: float) -> str:
        dtype = _float_of(self.result())
        bounds = [self.constant(bound, dtype) for bound in (low, high)]
        name: str = self.emit("Clip", [x, *bounds])
        return name


def _float_of(tensor: Tensor) -> str:
    return "float32" if tensor.quantized or tensor.dtype != "float64" else "float64"


def _none(op: Op, x: str) -> str:
    return x


def _relu(op: Op, x: str) -> Any:
    return op.emit("Relu", [x])


def _tanh(op: Op, x: str) -> Any:
    return op.emit("Tanh", [x])


#: By ActivationFunctionType.
ACTIVATIONS: dict[int, Callable[[Op, str], str]] = {
    0: _none,
    1: _relu,
    2: lambda op, x: op.clipped(x, -1.0, 1.0),
    3: lambda op, x: op.clipped(x, 0.0, 6.0),
    4: _tanh,
}

#: ONNX's numbers of element types, by NumPy's names.
ELEMENT = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9,
    "float16": 10, "float64": 11, "uint32": 12, "uint64": 13,
}  # fmt: skip
INT32, INT64 = ELEMENT["int32"], ELEMENT["int64"]
