"""Which values an input of integers may take, read off the graph.

An integer that ends as an index must stay inside the table it indexes, and one that is compared
with a constant should meet that constant. Both are found by walking from the input through the
operators that keep or shift its value to those that consume it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto
from onnx import numpy_helper as nph

from interop.parity.settings import subgraphs


@dataclass(frozen=True)
class Allowed:
    """Values from `low` up to and without `high` (None: nothing limits it); `choices` are the
    constants that the graph compares it with."""

    low: int = 0
    high: int | None = None
    choices: tuple[int, ...] = ()

    def shifted(self, by: int) -> Allowed:
        """What x may be when x + by is held to this."""
        high = None if self.high is None else self.high - by
        return Allowed(max(0, self.low - by), high, tuple(c - by for c in self.choices))

    def divided(self, by: int) -> Allowed:
        """What x may be when x * by (by > 0) is held to this."""
        high = None if self.high is None else (self.high - 1) // by + 1
        return Allowed(-(-self.low // by), high)

    def meet(self, other: Allowed) -> Allowed:
        highs = [h for h in (self.high, other.high) if h is not None]
        return Allowed(
            max(self.low, other.low),
            min(highs) if highs else None,
            tuple(dict.fromkeys(self.choices + other.choices)),
        )


INTEGERS = frozenset(
    getattr(TensorProto, f"{sign}INT{width}") for sign in ("", "U") for width in (8, 16, 32, 64)
)

#: Operators whose output holds values of these inputs, unchanged (None: of every input).
CARRIERS: Mapping[str, tuple[int, ...] | None] = {
    "Cast": (0,), "CastLike": (0,), "Compress": (0,), "Concat": None, "DepthToSpace": (0,),
    "Dropout": (0,), "Expand": (0,), "Flatten": (0,), "Gather": (0,), "GatherElements": (0,),
    "GatherND": (0,), "Identity": (0,), "Max": None, "Min": None, "Pad": (0,), "ReduceMax": (0,),
    "ReduceMin": (0,), "Reshape": (0,), "ReverseSequence": (0,), "ScatterElements": (0, 2),
    "ScatterND": (0, 2), "Slice": (0,), "SpaceToDepth": (0,), "Split": (0,), "Squeeze": (0,),
    "Tile": (0,), "TopK": (0,), "Transpose": (0,), "Trilu": (0,), "Unsqueeze": (0,),
    "Where": (1, 2),
}  # fmt: skip


@dataclass(frozen=True)
class _Graph:
    """The whole model, subgraphs included, flat: ONNX names are unique across them."""

    consumers: dict[str, list[tuple[NodeProto, int]]]
    constants: dict[str, Any]
    ranges: dict[str, tuple[int, int]]  # constants that are each integer of a range: low, high
    shapes: dict[str, list[int | None]]
    returns: dict[str, list[str]]  # a name in a subgraph -> the name it leaves or re-enters under


def allowed_values(model: ModelProto) -> dict[str, Allowed]:
    """For every integer graph input, the values that keep each index inside its table; so for those
    of floats that are cast to indices, as frameworks have them that know no integers.

    `model` must be shape-inferred: a table whose axis has no static length sets no bound.
    """
    flat = _Graph({}, {}, {}, {}, {})
    _collect(model.graph, flat)
    found: dict[str, Allowed] = {}
    allowed = {
        value.name: _walk(value.name, flat, found)
        if value.type.tensor_type.elem_type in INTEGERS
        else _cast(value.name, flat, found)
        for value in model.graph.input
    }
    return {name: one for name, one in allowed.items() if one is not None}


def _cast(name: str, flat: _Graph, found: dict[str, Allowed]) -> Allowed | None:
    """What a float may be that is cast to an index as it is; None where it is none."""
    limits = []
    for node, position in flat.consumers.get(name, []):
        if node.op_type == "Cast" and node.attribute[0].i in INTEGERS:
            limits.append(_walk(node.output[0], flat, found))
        elif (
            node.op_type in ("Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")
            and not position
        ):
            limits.append(_cast(node.output[0], flat, found) or Allowed())
    highs = [one.high for one in limits if one.high is not None]
    return Allowed(high=min(highs)) if highs else None


def _collect(graph: GraphProto, flat: _Graph) -> None:
    for tensor in graph.initializer:
        flat.shapes[tensor.name] = list(tensor.dims)
        _note_constant(tensor.name, tensor, flat)
    for value in [*graph.input, *graph.value_info, *graph.output]:
        if value.type.tensor_type.HasField("shape"):
            dims = value.type.tensor_type.shape.dim
            flat.shapes[value.name] = [
                d.dim_value if d.HasField("dim_value") else None for d in dims
            ]
    for node in graph.node:
        for position, name in enumerate(node.input):
            if name:
                flat.consumers.setdefault(name, []).append((node, position))
        if node.op_type == "Constant":
            attribute = node.attribute[0]
            if attribute.name == "value":
                flat.shapes[node.output[0]] = list(attribute.t.dims)
                _note_constant(node.output[0], attribute.t, flat)
            elif attribute.name == "value_int":
                flat.constants[node.output[0]] = attribute.i
        for body in subgraphs(node):
            _collect(body, flat)
            for inner, outer in _crossings(node, body):
                flat.returns.setdefault(inner, []).append(outer)


def _note_constant(name: str, tensor: TensorProto, flat: _Graph) -> None:
    """Single numbers, and ranges (what a one-hot encoding compares its index with)."""
    size = int(np.prod(tensor.dims))
    if size == 1:
        flat.constants[name] = nph.to_array(tensor).reshape(-1)[0]
    elif size > 1 and tensor.data_type in INTEGERS:
        values = np.unique(nph.to_array(tensor))
        if values.size == size and values[-1] - values[0] == size - 1:
            flat.ranges[name] = (int(values[0]), int(values[-1]) + 1)


def _crossings(node: NodeProto, body: GraphProto) -> Iterator[tuple[str, str]]:
    """(name, name that holds the same value) where values enter and leave a subgraph."""
    inputs, outputs = [v.name for v in body.input], [v.name for v in body.output]
    if node.op_type == "If":
        yield from zip(outputs, node.output, strict=False)
    elif node.op_type == "Loop":
        yield from zip(node.input[2:], inputs[2:], strict=False)
        yield from zip(outputs[1:], node.output, strict=False)
    elif node.op_type == "Scan":
        yield from zip(node.input, inputs, strict=False)
        yield from zip(outputs, node.output, strict=False)


def _walk(name: str, flat: _Graph, found: dict[str, Allowed]) -> Allowed:
    if name in found:
        return found[name]
    found[name] = allowed = Allowed()  # a value that loops back to itself sets no bound of its own
    for node, position in flat.consumers.get(name, []):
        allowed = allowed.meet(_through(node, position, flat, found))
    for other in flat.returns.get(name, []):
        allowed = allowed.meet(_walk(other, flat, found))
    found[name] = allowed
    return allowed


def _through(node: NodeProto, position: int, flat: _Graph, found: dict[str, Allowed]) -> Allowed:
    """What `node` demands of its input at `position`."""
    limit = _table_length(node, position, flat)
    if limit is not None:
        return Allowed(high=limit)
    others = [flat.constants.get(n) for i, n in enumerate(node.input) if i != position]
    constant = _whole(others[0]) if len(others) == 1 else None
    if node.op_type == "Equal":
        low, high = flat.ranges.get(node.input[1 - position], (0, None))
        return Allowed(max(0, low), high, () if constant is None else (constant,))
    if node.op_type in ("GRU", "LSTM", "RNN") and position == 4:
        return Allowed(low=1)  # sequence lengths
    if node.op_type == "Mod" and position == 0 and constant is not None and constant > 0:
        return Allowed(high=constant)
    if node.op_type == "Add" and _wraps(node, position, flat):
        return Allowed()
    if node.op_type in ("Add", "Sub", "Mul") and constant is not None:
        return _arithmetic(node, position, constant, _walk(node.output[0], flat, found))
    carried = CARRIERS.get(node.op_type, ())
    if carried is None or position in carried:
        allowed = Allowed()
        for output in node.output[:1] if node.op_type != "Split" else node.output:
            allowed = allowed.meet(_walk(output, flat, found))
        return allowed
    return Allowed()


def _wraps(node: NodeProto, position: int, flat: _Graph) -> bool:
    """Whether `x + n` stands in for a negative x alone: Where(x < 0, x + n, x)."""
    consumers = flat.consumers.get(node.output[0], [])
    return bool(consumers) and all(
        other.op_type == "Where" and place == 1 and other.input[2] == node.input[position]
        for other, place in consumers
    )


def _whole(constant: Any) -> int | None:
    """A constant as an integer, if it is one (it may be a float: the input may have been cast)."""
    if not isinstance(constant, np.generic | int) or not np.isreal(constant):
        return None
    return int(constant) if np.isfinite(constant) and constant == np.rint(constant) else None


def _arithmetic(node: NodeProto, position: int, constant: int, after: Allowed) -> Allowed:
    if node.op_type == "Add":
        return after.shifted(constant)
    if node.op_type == "Sub" and position == 0:
        return after.shifted(-constant)
    if node.op_type == "Mul" and constant > 0:
        return after.divided(constant)
    return Allowed()


def _table_length(node: NodeProto, position: int, flat: _Graph) -> int | None:
    """The length of the axis that input `position` of `node` indexes, where it is an index."""
    shape = flat.shapes.get(node.input[0]) if node.input else None
    if (node.op_type, position) == ("OneHot", 0):
        depth = flat.constants.get(node.input[1])
        return None if depth is None else int(depth)
    if position != 1 or shape is None:
        return None
    if node.op_type in ("Gather", "GatherElements", "ScatterElements"):
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
        return shape[axis] if shape else None
    if node.op_type in ("GatherND", "ScatterND"):
        batch = next((a.i for a in node.attribute if a.name == "batch_dims"), 0)
        indices = flat.shapes.get(node.input[1]) or [None]
        depth = indices[-1] or 1
        known = [n for n in shape[batch : batch + depth] if n is not None]
        return min(known) if known else None
    return None
