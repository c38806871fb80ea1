"""Sequences of tensors, Python lists while the model is built; optional values, None for nothing."""

from __future__ import annotations

import onnx_ir as ir
from interop.converters.keras.lowerings.common import ops

from interop.source.expression import Expression, Symbol, literal
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value


def construct(*xs: Value) -> Expression:
    return Expression(literal(list(xs)))


def empty(*, dtype: int = 1) -> Expression:
    return Expression("[]")


def at(sequence: Value, position: Value) -> Expression:
    return sequence[_place(position)]


def _place(position: Value) -> int:
    if position.constant is None:
        raise Refusal("a position in a sequence that depends on data")
    return position.ints("position")[0]


def insert(sequence: Value, x: Value, position: Value | None = None) -> Expression:
    if position is None:
        return sequence + Expression(literal([x]))
    place = _place(position)
    return Expression(f"[*{sequence[:place]}, {x}, *{sequence[place:]}]")


def erase(sequence: Value, position: Value | None = None) -> Expression:
    if position is None:
        return sequence[:-1]
    return Symbol("without")(sequence, _place(position))


def length(sequence: Value) -> Expression:
    return Symbol("np").array(Symbol("len")(sequence), "int64")


def split(x: Value, sizes: Value | None = None, *, axis: int = 0, keepdims: int = 1) -> Expression:
    whole = x.dim(axis)
    if whole is None or (sizes is not None and sizes.constant is None):
        raise Refusal("the number of the parts is not known")
    if sizes is None:
        each = [1] * whole
    elif sizes.shape == ():
        size = sizes.ints("split")[0]
        each = [size] * (whole // size) + ([whole % size] if whole % size else [])
    else:
        each = sizes.ints("split")
    return Symbol("parts")(x, each, axis, sizes is not None or bool(keepdims))


def concat(sequence: Value, *, axis: int, new_axis: int = 0) -> Expression:
    return (ops.stack if new_axis else ops.concatenate)(sequence, axis=axis)


def map_(first: Value, *others: Value, body: ir.Graph, node: Node) -> Unpack:
    count = len(node.outputs)
    step = node.function(body, "body")
    return Unpack(Symbol("mapped")(step, count, first, list(others)), count)


def optional(x: Value | None = None, *, type: object = None) -> Expression:
    return Expression("None") if x is None else Expression(x.text)


def get_element(x: Value) -> Expression:
    return Expression(x.text)


def has_element(x: Value | None = None) -> Expression:
    return Symbol("np").array(False if x is None else Expression(f"{x} is not None"))
