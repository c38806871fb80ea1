"""Branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from interop.converters.jax.exports.bodies import hand_out, names_of
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.tensors import Tensor
from interop.converters.jax.exports.writing import Writer

from interop.workers.onnx_file import Graph

if TYPE_CHECKING:
    from interop.converters.jax.exports.walk import Frame


def case(op: Op) -> Sequence[Tensor]:
    """Operand 0 chooses the region; one that is none of them takes the last."""
    index, count = op.operands[0], len(op.operation.regions)
    known = op.w.value_of(index)
    if known is not None:
        chosen = int(known) if 0 <= known < count else count - 1
        return _region(op, chosen, op.frame.inside(op.w))
    number = op.w.cast(op.w.full(index), index.dtype, "int64")
    return _chosen(op, op.frame, number, 0)


def if_(op: Op) -> Sequence[Tensor]:
    known = op.w.value_of(op.operands[0])
    if known is not None:
        return _region(op, 0 if known else 1, op.frame.inside(op.w))
    return _branches(op, op.w, op.w.full(op.operands[0]), [
        _body(op, op.frame, number) for number in (0, 1)
    ])  # fmt: skip


def _region(op: Op, number: int, frame: Frame) -> list[Tensor]:
    return frame.block(op.block(number), [])


def _body(op: Op, frame: Frame, number: int) -> Graph:
    inner = frame.inside(frame.writer.nested())
    hand_out(inner.writer, _region(op, number, inner))
    return inner.writer.graph


def _chosen(op: Op, frame: Frame, number: str, first: int) -> list[Tensor]:
    """Region `first`, or one behind it."""
    w = frame.writer
    if first == len(op.operation.regions) - 1:
        return _region(op, first, frame.inside(w))
    is_first = w.once("Equal", number, w.constant(first))
    otherwise = frame.inside(w.nested())
    hand_out(otherwise.writer, _chosen(op, otherwise, number, first + 1))
    return _branches(op, w, is_first, [_body(op, frame, first), otherwise.writer.graph])


def _branches(op: Op, w: Writer, condition: str, graphs: list[Graph]) -> list[Tensor]:
    branches = {"then_branch": graphs[0], "else_branch": graphs[1]}
    names = names_of(w, "If", [condition], len(op.results), **branches)
    return [op.made(name, None, number) for number, name in enumerate(names)]


BRANCHES: dict[str, Any] = {"case": case, "if": if_}
