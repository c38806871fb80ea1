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
    shapes = [list(v.shape) if v.shape is not None else None for v in state]
    outputs = [o.dtype for o in node.outputs[len(state) :]]
    call = Symbol("loop")(
        step, limit, condition, list(state), [Symbol(f"tf.{d}") for d in outputs], shapes
    )
    return Unpack(call, len(node.outputs))


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
