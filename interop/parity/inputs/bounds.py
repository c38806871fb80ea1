"""Which values an input of integers may take, read off the graph.

An integer that ends as an index must stay inside the table it indexes, and one that is compared
with a constant should meet that constant. Both are found by walking from the input through the
operators that keep or shift its value to those that consume it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto

from interop.parity.inputs.flat import INTEGERS, KEEPERS, Flat, attribute, flatten
from interop.signature import Dim


@dataclass(frozen=True)
class Allowed:
    """Values from `low` up to and without `high` (None: nothing limits it); `choices` are the
    constants that the graph compares it with.

    `within` holds limits that are sizes of dynamic dimensions: (symbol, more) for a value below the
    size plus `more`. A `length` counts how much of an axis is used. `table` is the length of the
    shortest table that it indexes, where that is fixed: no higher value can be looked up.
    """

    low: int = 0
    high: int | None = None
    choices: tuple[int, ...] = ()
    within: tuple[tuple[str, int], ...] = ()
    length: bool = False
    table: int | None = None

    def shifted(self, by: int) -> Allowed:
        """What x may be when x + by is held to this."""
        return Allowed(
            max(0, self.low - by),
            None if self.high is None else self.high - by,
            tuple(c - by for c in self.choices),
            tuple((symbol, more - by) for symbol, more in self.within),
            table=None if self.table is None else self.table - by,
        )

    def divided(self, by: int) -> Allowed:
        """What x may be when x * by (by > 0) is held to this."""

        def up(limit: int | None) -> int | None:
            return None if limit is None else (limit - 1) // by + 1

        return Allowed(-(-self.low // by), up(self.high), table=up(self.table))

    def meet(self, other: Allowed) -> Allowed:
        return Allowed(
            max(self.low, other.low),
            _lower(self.high, other.high),
            tuple(dict.fromkeys(self.choices + other.choices)),
            tuple(dict.fromkeys(self.within + other.within)),
            self.length or other.length,
            _lower(self.table, other.table),
        )

    def sized(self, sizes: Mapping[str, int]) -> Allowed:
        """With the dynamic limits, as far as `sizes` knows them, among the fixed ones."""
        highs = [sizes[symbol] + more for symbol, more in self.within if symbol in sizes]
        return replace(self, high=_lower(self.high, *highs), within=())


def _lower(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


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


def allowed_values(model: ModelProto) -> dict[str, Allowed]:
    """For every integer graph input, the values that keep each index inside its table; so for those
    of floats that are cast to indices, as frameworks have them that know no integers.

    `model` must be shape-inferred: a table whose axis has neither a length nor a name sets no bound.
    """
    flat = flatten(model)
    found: dict[str, Allowed] = {}
    allowed = {
        value.name: _walk(value.name, flat, found)
        if value.type.tensor_type.elem_type in INTEGERS
        else _cast(value.name, flat, found)
        for value in model.graph.input
    }
    return {name: one for name, one in allowed.items() if one is not None}


def _cast(name: str, flat: Flat, found: dict[str, Allowed]) -> Allowed | None:
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


def _walk(name: str, flat: Flat, found: dict[str, Allowed]) -> Allowed:
    if name in found:
        return found[name]
    found[name] = allowed = Allowed()  # a value that loops back to itself sets no bound of its own
    for node, position in flat.consumers.get(name, []):
        allowed = allowed.meet(_through(node, position, flat, found))
    for other in flat.returns.get(name, []):
        allowed = allowed.meet(_walk(other, flat, found))
    found[name] = allowed
    return allowed


def _through(node: NodeProto, position: int, flat: Flat, found: dict[str, Allowed]) -> Allowed:
    """What `node` demands of its input at `position`."""
    limits = _table_lengths(node, position, flat)
    if limits:
        below = _below(limits)
        return replace(below, table=below.high)
    others = [flat.constants.get(n) for i, n in enumerate(node.input) if i != position]
    constant = _whole(others[0]) if len(others) == 1 else None
    if node.op_type == "Equal":
        low, high = flat.ranges.get(node.input[1 - position], (0, None))
        return Allowed(max(0, low), high, () if constant is None else (constant,))
    counted = _counted_axis(node, position, flat)
    if counted is not None:
        return _below(counted, low=1, more=1, length=True)
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


def _wraps(node: NodeProto, position: int, flat: Flat) -> bool:
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


def _below(dims: list[Dim], low: int = 0, more: int = 0, length: bool = False) -> Allowed:
    known = [dim for dim in dims if isinstance(dim, int)]
    within = tuple((dim, more) for dim in dims if isinstance(dim, str))
    return Allowed(low, min(known) + more if known else None, (), within, length)


def _table_lengths(node: NodeProto, position: int, flat: Flat) -> list[Dim]:
    """The axes that input `position` of `node` indexes, where it is an index: lengths or names."""
    shape = flat.shapes.get(node.input[0]) if node.input else None
    if (node.op_type, position) == ("OneHot", 0):
        depth = flat.constants.get(node.input[1])
        return [] if depth is None else [int(depth)]
    if position != 1 or not shape:
        return []
    if node.op_type in ("Gather", "GatherElements", "ScatterElements"):
        return _known([shape[attribute(node, "axis", 0)]])
    if node.op_type in ("GatherND", "ScatterND"):
        batch = attribute(node, "batch_dims", 0)
        indices = flat.shapes.get(node.input[1]) or [None]
        depth = indices[-1] if isinstance(indices[-1], int) else 1
        return _known(shape[batch : batch + depth])
    return []


def _known(dims: list[Dim]) -> list[Dim]:
    return [dim for dim in dims if dim is not None]


def _counted_axis(node: NodeProto, position: int, flat: Flat) -> list[Dim] | None:
    """The axis of which input `position` of `node` says how much is used (empty: of unknown size);
    None where it does not."""
    shape = flat.shapes.get(node.input[0], [])
    if node.op_type in ("GRU", "LSTM", "RNN") and position == 4:
        return _known(shape[attribute(node, "layout", 0) :][:1])
    if node.op_type == "ReverseSequence" and position == 1:
        return _known(shape[attribute(node, "time_axis", 0) :][:1])
    if node.op_type in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
        return _positions(flat.origin(node.input[1 - position]), flat)
    return None


def _positions(name: str, flat: Flat) -> list[Dim] | None:
    """How many positions `name` counts, where it is 0, 1, 2, ... along an axis; else None.

    The axis may go by two names, that of the counting and that of what was measured."""
    low, high = flat.ranges.get(name, (None, 0))
    if low == 0:
        return [high]
    node = flat.producers.get(name)
    if node is None or node.op_type != "Range" or flat.constants.get(node.input[0]) != 0:
        return None
    return _known([*flat.shapes.get(name, [])[:1], _size_of(node.input[1], flat)])


def _size_of(name: str, flat: Flat) -> Dim:
    """The dimension that the number `name` is the size of, read back to the Shape it came from."""
    index, node = 0, flat.producers.get(name)
    while node is not None and node.op_type in {*KEEPERS, "Gather"}:
        if node.op_type == "Gather":
            index = int(flat.constants.get(node.input[1], 0))
        node = flat.producers.get(node.input[0])
    if node is None or node.op_type != "Shape":
        return None
    return next(
        iter(flat.shapes.get(node.input[0], [])[attribute(node, "start", 0) :][index:]), None
    )
