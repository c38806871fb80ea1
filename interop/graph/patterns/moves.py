"""Transposes, and axes of size 1 that come and go: chains of these, as short as they can be.

Exporters that write one operation after the other leave many behind that undo each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from interop.graph.patterns.terms import Dims, become, before, constant, known_dims, made_by

_KINDS = ("Reshape", "Squeeze", "Transpose", "Unsqueeze")


@dataclass(frozen=True)
class Move:
    """How a value comes out of `base`: its axis i is base's axes[i], of size 1 where that is None. The
    axes of base that are not named are of size 1, too. steps: how many nodes it takes; alone: whether
    nobody reads what is between them."""

    base: ir.Value
    axes: tuple[int | None, ...]
    steps: int = 0
    alone: bool = True


def move_of(value: ir.Value) -> Move | None:
    """All of the way back; None where a size is not known."""
    sizes = known_dims(value)
    if sizes is None:
        return None
    move = Move(value, tuple(None if size == 1 else axis for axis, size in enumerate(sizes)))
    node = made_by(value, *_KINDS)
    while node is not None:
        step = _step(node)
        if step is None:
            break
        source = node.inputs[0]
        assert source is not None
        alone = move.alone and (not move.steps or _has_one_reader(node.outputs[0]))
        axes = tuple(None if axis is None else step[axis] for axis in move.axes)
        move = Move(source, axes, move.steps + 1, alone)
        node = made_by(source, *_KINDS)
    return move


def _has_one_reader(value: ir.Value) -> bool:
    return len(list(value.uses())) == 1 and not value.is_graph_output()


def _step(node: ir.Node) -> list[int | None] | None:
    """Which axis of the input each axis of the result is; None for one of size 1."""
    sizes, result = known_dims(node.inputs[0]), known_dims(node.outputs[0])
    if sizes is None or result is None:
        return None
    if node.op_type == "Transpose":
        order = node.attributes.get_ints("perm", None) or tuple(reversed(range(len(sizes))))
        return [None if sizes[axis] == 1 else axis for axis in order]
    kept = [axis for axis, size in enumerate(sizes) if size != 1]
    if [sizes[axis] for axis in kept] != [size for size in result if size != 1]:
        return None
    following = iter(kept)
    return [None if size == 1 else next(following) for size in result]


def shorten_moves(model: ir.Model) -> None:
    """Give each chain its shortest form: what is dropped, then a Transpose, then what is new; in place.

    A step in it that others read stays for them.
    """
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.domain != "" or node.op_type not in _KINDS:
            continue
        move = move_of(node.outputs[0])
        if move is None or move.steps < 2:
            continue
        plan = _plan(known_dims(move.base) or [], move.axes)
        length = len(plan)
        early = made_by(node.inputs[0], "Transpose") and length == 2 and plan[0][0] == "Squeeze"
        if length < 2 or (move.alone and (length < move.steps or (length == move.steps and early))):
            _write(model, node, move.base, plan)


#: An operator, and its axes (of Transpose: its order).
_Plan = list[tuple[str, list[int]]]


def _plan(sizes: Dims, axes: Sequence[int | None]) -> _Plan:
    """At most two operators that turn a value of those sizes around."""
    ones = [axis for axis, size in enumerate(sizes) if size == 1]
    spare = sum(axis is None for axis in axes)
    # An axis of size 1 that stays where it was, between the same neighbours, needs no move.
    dropped, order = list(ones), list(axes)
    for place, axis in enumerate(order):
        if axis is None and dropped:
            near = [one for one in dropped if _between(one, order, place)]
            if near:
                order[place] = near[0]
                dropped.remove(near[0])
    for place, axis in enumerate(order):
        if axis is None and dropped:
            order[place] = dropped.pop(0)
    plan: _Plan = []
    if len(ones) > spare:
        plan.append(("Squeeze", dropped))
    moved = [axis for axis in order if axis is not None]
    ranks = [sorted(moved).index(axis) for axis in moved]
    if ranks != sorted(ranks):
        plan.append(("Transpose", ranks))
    fresh = [place for place, axis in enumerate(order) if axis is None]
    if fresh:
        plan.append(("Unsqueeze", fresh))
    return plan


def _between(one: int, order: Sequence[int | None], place: int) -> bool:
    left = [axis for axis in order[:place] if axis is not None]
    right = [axis for axis in order[place + 1 :] if axis is not None]
    return all(axis < one for axis in left) and all(axis > one for axis in right)


def _write(model: ir.Model, node: ir.Node, base: ir.Value, plan: _Plan) -> None:
    for number, (kind, axes) in enumerate(plan):
        attributes, inputs = {}, [base]
        if kind == "Transpose":
            attributes["perm"] = ir.AttrInt64s("perm", axes)
        else:
            name = f"{node.outputs[0].name}_{kind.lower()}d"
            inputs.append(constant(model, name, np.array(axes, np.int64)))
        if number + 1 < len(plan):
            base = before(node, kind, inputs, _sizes(base, kind, axes), kind.lower(), **attributes)
        else:
            become(node, kind, inputs)
            node.attributes.update(attributes)
    if not plan:
        become(node, "Identity", [base])  # of which a result of the graph needs one
        if not node.outputs[0].is_graph_output():
            node.outputs[0].replace_all_uses_with(base)


def _sizes(base: ir.Value, kind: str, axes: Sequence[int]) -> Dims:
    sizes = known_dims(base) or []
    if kind == "Transpose":
        return [sizes[axis] for axis in axes]
    return [size for axis, size in enumerate(sizes) if axis not in axes]
