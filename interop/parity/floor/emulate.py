"""A model that rounds as a narrower precision does, run in float32.

What the precision rounds (precisions.py) is written into the graph, subgraphs included: after each
operator whose result is a new number, or before each operand of a product. Sums stay in float32, as
tensor cores and quantised kernels keep them. Recurrent operators are first written out in time,
for their states are rounded, too. Settings (settings.py) stay as they are.

float16 and bfloat16 are casts there and back. TF32 is Veltkamp's splitting, c = (2^13 + 1) x, then
c - (c - x): the upper 11 bits of x, to nearest (Dekker 1971); beyond 2^114 it overflows. int8 is
QuantizeLinear and DequantizeLinear, float8 a cast of what is divided by a scale, with a scale that is
fed (the range is calibrated), or taken from the data where nothing can be fed, inside a subgraph.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper
from onnx import numpy_helper as nph

from interop.errors import UnsupportedOperator
from interop.parity.floor.precisions import (
    BFLOAT16,
    FLOAT8,
    FLOAT16,
    INT8,
    TF32,
    Precision,
    Rounds,
)
from interop.parity.settings import graphs, settings, subgraphs

#: Products and convolutions: the inputs that are multiplied with each other.
CONTRACTIONS: Mapping[str, tuple[int, ...]] = {
    "Attention": (0, 1, 2),
    "Conv": (0, 1),
    "ConvTranspose": (0, 1),
    "DeformConv": (0, 1),
    "Einsum": tuple(range(26)),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
}

RECURRENT = ("GRU", "LSTM", "RNN")

#: Operators that only move, choose or negate numbers: what was on the grid stays on it.
MOVERS = frozenset(
    {"Abs", "Compress", "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "GatherElements",
     "GatherND", "GlobalMaxPool", "Identity", "If", "Loop", "Max", "MaxPool", "MaxUnpool", "Min",
     "Neg", "Pad", "Relu", "Reshape", "ReverseSequence", "Scan", "ScatterElements", "ScatterND",
     "Sign", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "TopK", "Transpose", "Trilu",
     "Unsqueeze", "Where"}
)  # fmt: skip

#: 1 above the bits that TF32 keeps.
SPLIT = np.float32(2**13 + 1)


def scale_of(name: str) -> str:
    """The input that takes the calibrated scale of a tensor."""
    return f"{name}~scale"


@dataclass
class _Writer:
    """One model under rewriting: `ready` are tensors that are on the grid already."""

    precision: Precision
    ready: set[str]
    exempt: frozenset[str]
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    calibrated: list[str] = field(default_factory=list)
    constants: dict[str, TensorProto] = field(default_factory=dict)

    def fresh(self, name: str) -> str:
        return f"{name}~{next(self.numbers)}"

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.setdefault(name, nph.from_array(value, name))
        return name

    def write(self, graph: GraphProto, outer: Mapping[str, int], top: bool) -> None:
        """Rewrite `graph` in place; `outer` are the element types that it can capture."""
        types = {**outer, **types_in(graph)}
        nodes: list[NodeProto] = []
        rounded: dict[str, str] = {}
        for node in graph.node:
            for body in subgraphs(node):
                self.write(body, types, top=False)
            if self.precision.rounds is Rounds.OPERANDS:
                self._operands(node, types, nodes, rounded, top)
                self._pass_on(node, types)
            nodes.append(node)
            if self.precision.rounds is Rounds.RESULTS:
                self._results(node, types, nodes)
        del graph.node[:]
        graph.node.extend(nodes)

    def _operands(
        self,
        node: NodeProto,
        types: Mapping[str, int],
        nodes: list[NodeProto],
        rounded: dict[str, str],
        top: bool,
    ) -> None:
        for position in CONTRACTIONS.get(node.op_type, ()):
            name = node.input[position] if position < len(node.input) else ""
            if name in self.ready or not self._is_float(name, types, node):
                continue
            if name not in rounded:
                rounded[name] = self.fresh(name)
                nodes += WRITERS[self.precision.name](self, name, rounded[name], top)
            node.input[position] = rounded[name]

    def _pass_on(self, node: NodeProto, types: Mapping[str, int]) -> None:
        """What is moved from a tensor that is on the grid is on it, too."""
        numbers = [name for name in node.input if types.get(name) == TensorProto.FLOAT]
        moved = node.op_type in MOVERS and not subgraphs(node)
        if moved and numbers and self.ready.issuperset(numbers):
            self.ready.update(node.output)

    def _results(self, node: NodeProto, types: Mapping[str, int], nodes: list[NodeProto]) -> None:
        if node.op_type in MOVERS:
            return
        for position, name in enumerate(node.output):
            if name not in self.exempt and self._is_float(name, types, node):
                node.output[position] = self.fresh(name)
                write = WRITERS[self.precision.name]
                nodes += write(self, node.output[position], name, True)

    def _is_float(self, name: str, types: Mapping[str, int], node: NodeProto) -> bool:
        if name and name not in types:
            raise UnsupportedOperator(
                f"{node.op_type} {node.name!r}: the type of {name!r} is not known, so its rounding "
                f"to {self.precision.name} cannot be emulated",
                hint="Run the model's shape inference, or compare in float32.",
            )
        return types.get(name) == TensorProto.FLOAT


def _cast(kind: int) -> Callable[[_Writer, str, str, bool], list[NodeProto]]:
    def write(writer: _Writer, source: str, target: str, _: bool) -> list[NodeProto]:
        narrow = writer.fresh(source)
        return [
            helper.make_node("Cast", [source], [narrow], to=kind),
            helper.make_node("Cast", [narrow], [target], to=TensorProto.FLOAT),
        ]

    return write


def _veltkamp(writer: _Writer, source: str, target: str, _: bool) -> list[NodeProto]:
    factor = writer.constant("split~", np.array(SPLIT))
    large, rest = writer.fresh(source), writer.fresh(source)
    return [
        helper.make_node("Mul", [source, factor], [large]),
        helper.make_node("Sub", [large, source], [rest]),
        helper.make_node("Sub", [large, rest], [target]),
    ]


def _quantize(writer: _Writer, source: str, target: str, top: bool) -> list[NodeProto]:
    zero = writer.constant("zero~", np.array(0, dtype=np.int8))
    grid = writer.fresh(source)
    nodes, scale = _scale(writer, source, top)
    return [
        *nodes,
        helper.make_node("QuantizeLinear", [source, scale, zero], [grid]),
        helper.make_node("DequantizeLinear", [grid, scale, zero], [target]),
    ]


def _scaled_cast(writer: _Writer, source: str, target: str, top: bool) -> list[NodeProto]:
    steps, rounded = writer.fresh(source), writer.fresh(source)
    nodes, scale = _scale(writer, source, top)
    cast = _cast(TensorProto.FLOAT8E4M3FN)
    return [
        *nodes,
        helper.make_node("Div", [source, scale], [steps]),
        *cast(writer, steps, rounded, top),
        helper.make_node("Mul", [rounded, scale], [target]),
    ]


def _scale(writer: _Writer, source: str, top: bool) -> tuple[list[NodeProto], str]:
    """The name of the scale of `source`, and what computes it, where it is not fed."""
    if top:
        writer.calibrated.append(source)
        return [], scale_of(source)
    scale, largest = writer.fresh(source), writer.precision.largest
    assert largest is not None
    return measure_scale(writer.constant, writer.fresh, source, scale, largest), scale


def measure_scale(
    constant: Callable[[str, np.ndarray], str], fresh: Callable[[str], str], source: str, scale: str,
    last: float,
) -> list[NodeProto]:  # fmt: skip
    """Nodes that compute the scale of a symmetric grid whose last number is the largest of `source`."""
    size, largest, least = fresh(source), fresh(source), fresh(source)
    tiny = constant("tiny~", np.array(np.finfo(np.float32).tiny * last, dtype=np.float32))
    count = constant("largest~", np.array(last, dtype=np.float32))
    return [
        helper.make_node("Abs", [source], [size]),
        helper.make_node("ReduceMax", [size], [largest], keepdims=0),
        helper.make_node("Max", [largest, tiny], [least]),
        helper.make_node("Div", [least, count], [scale]),
    ]


#: precision -> (writer, source, target, in the main graph) -> nodes that round one tensor.
WRITERS: Mapping[str, Callable[[_Writer, str, str, bool], list[NodeProto]]] = {
    TF32.name: _veltkamp,
    FLOAT16.name: _cast(TensorProto.FLOAT16),
    BFLOAT16.name: _cast(TensorProto.BFLOAT16),
    INT8.name: _quantize,
    FLOAT8.name: _scaled_cast,
}


@dataclass(frozen=True)
class Emulation:
    """The rewritten model. `calibrated` are the tensors whose scale (scale_of) it takes as a
    further input; `ranges` gives these scales as its outputs, and is None where there are none."""

    model: ModelProto
    calibrated: tuple[str, ...]
    ranges: ModelProto | None


def emulate(bare: ModelProto, precision: Precision, ready: frozenset[str]) -> Emulation:
    """`bare` (a skeleton) with the roundings of `precision` written in; `ready` are inputs that
    come rounded. Raises UnsupportedOperator, naming the node, where a type is not known."""
    written = onnx.shape_inference.infer_shapes(_unrolled(bare), data_prop=True)
    plain = ModelProto()
    plain.CopyFrom(written)
    exempt = frozenset(settings(written.graph))
    writer = _Writer(precision, set(ready), exempt)
    writer.write(written.graph, {}, top=True)
    written.graph.initializer.extend(writer.constants.values())
    names = tuple(dict.fromkeys(writer.calibrated))
    written.graph.input.extend(
        helper.make_tensor_value_info(scale_of(name), TensorProto.FLOAT, []) for name in names
    )
    return Emulation(written, names, _ranges(plain, names, precision) if names else None)


def _unrolled(bare: ModelProto) -> ModelProto:
    """Recurrent operators as scans over time, in which every step can be rounded."""
    if not any(node.op_type in RECURRENT for graph in graphs(bare.graph) for node in graph.node):
        return bare
    import onnx_ir as ir  # guests that import this package need not have it

    from interop.graph.decompositions.apply import decompose

    model = ir.from_proto(bare)
    found = [node for node in model.graph.all_nodes() if node.op_type in RECURRENT]
    for number, node in enumerate(found):
        node.name = node.name or f"recurrent_{number}"
    _, refused = decompose(model, found)
    for name, why in refused.items():
        raise UnsupportedOperator(
            f"recurrent operator {name!r} cannot be written out in time: {why}",
            hint="Its floor is known in float32 only.",
        )
    return ir.to_proto(model)


def _ranges(plain: ModelProto, names: tuple[str, ...], precision: Precision) -> ModelProto:
    """The unrounded model with, for outputs, the scales of these tensors."""
    constants: dict[str, TensorProto] = {}
    numbers = itertools.count()

    def constant(name: str, value: np.ndarray) -> str:
        constants.setdefault(name, nph.from_array(value, name))
        return name

    def fresh(name: str) -> str:
        return f"{name}~{next(numbers)}"

    assert precision.largest is not None
    del plain.graph.output[:]
    for name in names:
        plain.graph.node.extend(
            measure_scale(constant, fresh, name, scale_of(name), precision.largest)
        )
        plain.graph.output.append(
            helper.make_tensor_value_info(scale_of(name), TensorProto.FLOAT, [])
        )
    plain.graph.initializer.extend(constants.values())
    return plain


def types_in(graph: GraphProto) -> dict[str, int]:
    """The element types of the values of `graph` itself, as far as it says them; 0 of what is no tensor."""
    found = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        kind = value.type.WhichOneof("value")
        found[value.name] = value.type.tensor_type.elem_type if kind == "tensor_type" else 0
    return found
