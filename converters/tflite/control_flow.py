"""Loop and Scan: TFLite has lists of tensors only where all shapes are fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
from interop.converters.tensorflow.lowerings import control_flow

from interop.source.expression import Expression, Symbol
from interop.source.printer import Metadata, Node
from interop.source.values import Refusal, Unpack, Value


def loop(
    limit: Value | None, condition: Value | None = None, *state: Value, body: ir.Graph, node: Node
) -> Unpack | Expression:
    step = node.function(body, "body")
    shapes = [control_flow.kept(v, new) for v, new in zip(state, body.outputs[1:], strict=False)]
    collected = _collected(node.outputs[len(state) :], [0] * len(node.outputs))
    call = Symbol("loop")(step, limit, condition, list(state), collected, shapes)
    return Unpack(call, len(node.outputs))


def scan(
    *inputs: Value, body: ir.Graph, num_scan_inputs: int, node: Node,
    scan_input_axes: list[int] | None = None, scan_input_directions: list[int] | None = None,
    scan_output_axes: list[int] | None = None, scan_output_directions: list[int] | None = None,
) -> Unpack | Expression:  # fmt: skip
    step = node.function(body, "body")
    states = len(inputs) - num_scan_inputs
    outputs = node.outputs[states:]
    axes = scan_output_axes or [0] * len(outputs)
    call = Symbol("scan")(
        step,
        list(inputs[:states]),
        list(inputs[states:]),
        _collected(outputs, axes),
        scan_input_axes or [0] * num_scan_inputs,
        scan_input_directions or [0] * num_scan_inputs,
        axes,
        scan_output_directions or [0] * len(outputs),
    )
    return Unpack(call, len(node.outputs))


def _collected(outputs: Sequence[Metadata], axes: Sequence[int]) -> list[Any]:
    """(type, sizes) of what a turn gives to each stacked output."""
    found: list[Any] = []
    for output, axis in zip(outputs, axes, strict=False):
        if output.shape is None:
            raise Refusal(f"the rank of what each turn gives to '{output.name}' is not known")
        sizes = list(output.shape)
        del sizes[axis]
        found.append((Symbol(f"tf.{output.dtype}"), sizes))
    return found
