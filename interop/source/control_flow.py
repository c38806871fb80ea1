"""How a Scan is handed to a target's helper: what the targets share."""

from __future__ import annotations

import onnx_ir as ir

from interop.source.expression import Symbol
from interop.source.printer import Node
from interop.source.values import Unpack, Value


def scan(
    *inputs: Value, body: ir.Graph, num_scan_inputs: int, node: Node,
    scan_input_axes: list[int] | None = None, scan_input_directions: list[int] | None = None,
    scan_output_axes: list[int] | None = None, scan_output_directions: list[int] | None = None,
) -> Unpack:  # fmt: skip
    """`scan(step, states, inputs, input axes, input directions, output axes, output directions)`."""
    step = node.function(body, "body")
    states = len(inputs) - num_scan_inputs
    count = len(node.outputs) - states
    call = Symbol("scan")(
        step,
        list(inputs[:states]),
        list(inputs[states:]),
        scan_input_axes or [0] * num_scan_inputs,
        scan_input_directions or [0] * num_scan_inputs,
        scan_output_axes or [0] * count,
        scan_output_directions or [0] * count,
    )
    return Unpack(call, len(node.outputs))
