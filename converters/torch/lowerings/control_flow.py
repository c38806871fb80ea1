"""If, Loop and Scan as Python's own control flow; subgraphs become local functions."""

from __future__ import annotations

import onnx_ir as ir

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Unpack, Value


def if_(
    condition: Value, *, then_branch: ir.Graph, else_branch: ir.Graph, node: Node
) -> Unpack | Expression:
    then, otherwise = node.function(then_branch, "then"), node.function(else_branch, "otherwise")
    call = Expression(f"{then}() if {condition} else {otherwise}()", 0)
    return Unpack(call, len(node.outputs)) if len(node.outputs) > 1 else call


def loop(
    limit: Value | None, condition: Value | None = None, *state: Value, body: ir.Graph, node: Node
) -> Unpack:
    step = node.function(body, "body")
    outputs = node.outputs[len(state) :]
    empty = [
        Symbol("torch.empty")(
            [0, *(size or 0 for size in (o.shape or ())[1:])], dtype=Symbol(f"torch.{o.dtype}")
        )
        for o in outputs
    ]
    call = Symbol("loop")(step, limit, condition, list(state), empty)
    return Unpack(call, len(node.outputs))
