"""What one run costs: multiplications and additions, and memory for what lies between nodes.

Counted on the canonical graph at given sizes. One multiplication with its addition counts as two
operations, as hardware makers count; every other float result counts as one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    TensorShapeProto,
    ValueInfoProto,
)

from interop.parity.settings import reads, subgraphs

Shape = tuple[int, ...]

#: The size that an open dimension is counted at, where none is given.
USUAL = 1

#: Moves and views: they compute nothing.
FREE = frozenset(
    {"Cast", "Concat", "Constant", "ConstantOfShape", "DepthToSpace", "Dropout", "Expand", "Flatten",
     "Gather", "GatherElements", "GatherND", "Identity", "Pad", "Range", "Reshape", "ScatterElements",
     "ScatterND", "Shape", "Size", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose",
     "Unsqueeze", "Where"}
)  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """operations: of one run, all nodes; by_operator: the same, most first; activation_bytes: the
    most that is alive between two nodes, weights and bodies apart; uncounted: nodes whose shapes
    stay open, and Loop and Scan, whose bodies run as often as data says (they count once). Of the
    branches of an If the dearest counts."""

    sizes: Mapping[str, int]
    operations: int
    by_operator: Mapping[str, int]
    activation_bytes: int
    uncounted: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "sizes": dict(self.sizes),
            "operations": self.operations,
            "by_operator": dict(self.by_operator),
            "activation_bytes": self.activation_bytes,
            "uncounted": list(self.uncounted),
        }


def cost(canonical: Path, sizes: Mapping[str, int]) -> Cost:
    """Count the canonical model in that file, its open dimensions set to `sizes` (by name)."""
    model = onnx.load(canonical, load_external_data=False)
    used = _bind(model, sizes)
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes, widths = _values(model)
    uncounted: list[str] = []
    totals = _count(model.graph, shapes, uncounted)
    peak = _peak(model, shapes, widths)
    return Cost(used, _total(totals), dict(totals.most_common()), peak, tuple(uncounted))


def _count(graph: GraphProto, shapes: Mapping[str, Shape], uncounted: list[str]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for node in graph.node:
        bodies = [_count(b, {**shapes, **_shapes(b)}, uncounted) for b in subgraphs(node)]
        dearest: Counter[str] = max(bodies, key=_total, default=Counter())
        totals += dearest
        count = _operations(node, shapes)
        if node.op_type in ("Loop", "Scan") or (count is None and not bodies):
            uncounted.append(f"{node.op_type} {node.name}".strip())
        totals[node.op_type] += count or 0
    return totals


def _total(counts: Counter[str]) -> int:
    return counts.total()


def _bind(model: ModelProto, sizes: Mapping[str, int]) -> dict[str, int]:
    """Give every open dimension of the inputs a number, wherever it stands; returns those used."""
    graph = model.graph
    open_ones = [dim for value in graph.input for dim in _open(value)]
    used = {d.dim_param: sizes.get(d.dim_param, USUAL) for d in open_ones if d.dim_param}
    for dim in open_ones:
        dim.dim_value = used.get(dim.dim_param, USUAL)
    for value in [*graph.value_info, *graph.output]:
        for dim in _open(value):
            if dim.dim_param in used:
                dim.dim_value = used[dim.dim_param]
    return used


def _open(value: ValueInfoProto) -> list[TensorShapeProto.Dimension]:
    return [d for d in value.type.tensor_type.shape.dim if not d.HasField("dim_value")]


def _values(model: ModelProto) -> tuple[dict[str, Shape], dict[str, float]]:
    """Shape and bytes an element of each value of the main graph, as far as they are known."""
    graph = model.graph
    values = [*graph.input, *graph.value_info, *graph.output]
    return _shapes(graph), {v.name: _width(v.type.tensor_type.elem_type) for v in values}


def _shapes(graph: GraphProto) -> dict[str, Shape]:
    shapes = {weight.name: tuple(weight.dims) for weight in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        tensor = value.type.tensor_type
        # Inference over sizes that do not suit the model ends below zero: then nothing is known.
        if tensor.HasField("shape") and all(_known(d) for d in tensor.shape.dim):
            shapes[value.name] = tuple(dim.dim_value for dim in tensor.shape.dim)
    return shapes


def _known(dim: TensorShapeProto.Dimension) -> bool:
    return bool(dim.HasField("dim_value") and dim.dim_value >= 0)


def _width(kind: int) -> float:
    if kind in (TensorProto.UNDEFINED, TensorProto.STRING):
        return 0.0
    return float(onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize)


def _operations(node: NodeProto, shapes: Mapping[str, Shape]) -> int | None:
    if node.op_type in FREE:
        return 0
    given = [shapes.get(name) for name in node.input]
    made = [shapes.get(name) for name in node.output if name]
    if subgraphs(node) or not made or made[0] is None:
        return None
    rule = _RULES.get(node.op_type)
    if rule is None:
        return math.prod(made[0])
    # What a rule reads is its first two inputs.
    if any(shape is None for shape in given[:2]):
        return None
    return rule(node, [shape or () for shape in given], made[0])


def _matmul(node: NodeProto, given: list[Shape], made: Shape) -> int:
    return 2 * math.prod(made) * given[0][-1]


def _gemm(node: NodeProto, given: list[Shape], made: Shape) -> int:
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return 2 * math.prod(made) * given[0][0 if transposed else 1]


def _conv(node: NodeProto, given: list[Shape], made: Shape) -> int:
    return 2 * math.prod(made) * math.prod(given[1][1:])


def _conv_transpose(node: NodeProto, given: list[Shape], made: Shape) -> int:
    return 2 * math.prod(given[0]) * math.prod(given[1][1:])


def _recurrent(node: NodeProto, given: list[Shape], made: Shape) -> int:
    steps, batch, features = given[0]
    directions, rows, _ = given[1]
    hidden = given[2][-1]
    return 2 * steps * batch * directions * rows * (features + hidden)


def _einsum(node: NodeProto, given: list[Shape], made: Shape) -> int:
    equation = next(a.s.decode() for a in node.attribute if a.name == "equation")
    terms = equation.replace(" ", "").split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, given, strict=True):
        if "..." in term:
            return 2 * math.prod(made)
        sizes.update(zip(term, shape, strict=True))
    return 2 * math.prod(sizes.values())


def _attention(node: NodeProto, given: list[Shape], made: Shape) -> int:
    """Two products: queries by keys, and what comes of that by values (whose width the result has)."""
    queries, keys = given[0], given[1]
    return 2 * math.prod(queries) * keys[-2] + 2 * math.prod(made) * keys[-2]


_RULES = {
    "Attention": _attention,
    "Conv": _conv,
    "ConvInteger": _conv,
    "ConvTranspose": _conv_transpose,
    "Einsum": _einsum,
    "GRU": _recurrent,
    "Gemm": _gemm,
    "LSTM": _recurrent,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _matmul,
    "RNN": _recurrent,
}


def _peak(model: ModelProto, shapes: Mapping[str, Shape], widths: Mapping[str, float]) -> int:
    """The most bytes that are alive at once when nodes run in order, each value until its last use."""
    last: dict[str, int] = {}
    for index, node in enumerate(model.graph.node):
        last.update(dict.fromkeys(reads(node), index))
    keep = {value.name for value in model.graph.output}

    def size(name: str) -> float:
        return math.prod(shapes[name]) * widths.get(name, 0.0) if name in shapes else 0.0

    alive = {value.name: size(value.name) for value in model.graph.input}
    peak = sum(alive.values())
    for index, node in enumerate(model.graph.node):
        alive.update({name: size(name) for name in node.output if name})
        peak = max(peak, sum(alive.values()))
        for name in [n for n in alive if last.get(n, -1) <= index and n not in keep]:
            del alive[name]
    return int(peak)
