"""If and Scan: subgraphs become functions, which theano.scan and ifelse call to build theirs."""

from __future__ import annotations

import onnx_ir as ir

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Unpack, Value


def if_(
    condition: Value, *, then_branch: ir.Graph, else_branch: ir.Graph, node: Node
) -> Unpack | Expression:
    then, otherwise = node.function(then_branch, "then"), node.function(else_branch, "otherwise")
    return Unpack(Symbol("branch")(condition, then, otherwise), len(node.outputs))


def scan(
    *inputs: Value, body: ir.Graph, num_scan_inputs: int, node: Node,
    scan_input_axes: list[int] | None = None, scan_input_directions: list[int] | None = None,
    scan_output_axes: list[int] | None = None, scan_output_directions: list[int] | None = None,
) -> Unpack:  # fmt: skip
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
