"""Sequences of tensors, as Python lists; and optional values, where None stands for nothing."""

from __future__ import annotations

import onnx_ir as ir
from interop.converters.tensorflow.lowerings.common import tf

from interop.source.expression import Expression, Symbol, literal
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value


def construct(*xs: Value) -> Expression:
    return Expression(literal(list(xs)))


def empty(*, dtype: int = 1) -> Expression:
    return Expression("[]")


def at(sequence: Value, position: Value) -> Expression:
    if position.constant is None:
        return Symbol("sequence_at")(sequence, position)
    return sequence[position.ints("position")[0]]


def insert(sequence: Value, x: Value, position: Value | None = None) -> Expression:
    if position is None:
        return sequence + Expression(literal([x]))
    if position.constant is None:
        return Symbol("sequence_insert")(sequence, x, position)
    place = position.ints("position")[0]
    return Expression(f"[*{sequence[:place]}, {x}, *{sequence[place:]}]")


def erase(sequence: Value, position: Value | None = None) -> Expression:
    if position is None:
        return sequence[:-1]
    return Symbol("sequence_erase")(sequence, position.ints("position")[0])


def length(sequence: Value) -> Expression:
    return tf.constant(Symbol("len")(sequence), tf.int64)


def split(x: Value, sizes: Value | None = None, *, axis: int = 0, keepdims: int = 1) -> Expression:
    if sizes is None or sizes.shape == ():
        if x.dim(axis) is None:
            raise Refusal("the number of the parts is not known")
        size = 1 if sizes is None else sizes.ints("split")[0]
        return Symbol("split_to_sequence")(x, size, axis, sizes is not None or bool(keepdims))
    if sizes.constant is not None:
        return tf.split(x, sizes.ints("split"), axis=axis)
    return tf.split(x, sizes, axis=axis)


def concat(sequence: Value, *, axis: int, new_axis: int = 0) -> Expression:
    return (tf.stack if new_axis else tf.concat)(sequence, axis=axis)


def map_(first: Value, *others: Value, body: ir.Graph, node: Node) -> Unpack:
    count = len(node.outputs)
    step = node.function(body, "body")
    return Unpack(Symbol("sequence_map")(step, count, first, list(others)), count)


def optional(x: Value | None = None, *, type: object = None) -> Expression:
    return Expression("None") if x is None else Expression(x.text)


def get_element(x: Value) -> Expression:
    return Expression(x.text)


def has_element(x: Value | None = None) -> Expression:
    if x is None:
        return tf.constant(False)
    return tf.constant(Expression(f"{x} is not None"))
