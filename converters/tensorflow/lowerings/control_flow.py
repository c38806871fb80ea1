"""If, Loop and Scan: subgraphs become local functions, captured values their closures."""

from __future__ import annotations

import onnx_ir as ir
from interop.converters.tensorflow.lowerings.common import tf

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Unpack, Value


def if_(
    condition: Value, *, then_branch: ir.Graph, else_branch: ir.Graph, node: Node
) -> Unpack | Expression:
    then, otherwise = node.function(then_branch, "then"), node.function(else_branch, "otherwise")
    scalar = condition if condition.shape == () else tf.reshape(condition, [])
    call = tf.cond(scalar, then, otherwise)
    return Unpack(call, len(node.outputs)) if len(node.outputs) > 1 else call


def loop(
    limit: Value | None, condition: Value | None = None, *state: Value, body: ir.Graph, node: Node
) -> Unpack | Expression:
    step = node.function(body, "body")
    shapes = [kept(v, new) for v, new in zip(state, body.outputs[1:], strict=False)]
    outputs = [o.dtype for o in node.outputs[len(state) :]]
    call = Symbol("loop")(
        step, limit, condition, list(state), [Symbol(f"tf.{d}") for d in outputs], shapes
    )
    return Unpack(call, len(node.outputs))


def kept(initial: Value, new: ir.Value) -> list[int | None] | None:
    """What a step leaves of a state's shape; None where its rank is not known, or changes."""
    if initial.shape is None:
        return None
    if new.shape is None:
        return [None] * len(initial.shape)
    if len(new.shape) != len(initial.shape):
        return None
    return [a if a == b else None for a, b in zip(initial.shape, new.shape, strict=True)]


def scan(
    *inputs: Value, body: ir.Graph, num_scan_inputs: int, node: Node,
    scan_input_axes: list[int] | None = None, scan_input_directions: list[int] | None = None,
    scan_output_axes: list[int] | None = None, scan_output_directions: list[int] | None = None,
) -> Unpack | Expression:  # fmt: skip
    step = node.function(body, "body")
    states = len(inputs) - num_scan_inputs
    outputs = node.outputs[states:]
    call = Symbol("scan")(
        step,
        list(inputs[:states]),
        list(inputs[states:]),
        [Symbol(f"tf.{o.dtype}") for o in outputs],
        scan_input_axes or [0] * num_scan_inputs,
        scan_input_directions or [0] * num_scan_inputs,
        scan_output_axes or [0] * len(outputs),
        scan_output_directions or [0] * len(outputs),
    )
    return Unpack(call, len(node.outputs))
