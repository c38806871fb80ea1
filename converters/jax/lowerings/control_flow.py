"""If, Loop and Scan: JAX's own control flow where a trace needs it; subgraphs become functions."""

from __future__ import annotations

import onnx_ir as ir
from interop.converters.jax.lowerings.common import dtype

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Unpack, Value


def if_(
    condition: Value, *, then_branch: ir.Graph, else_branch: ir.Graph, node: Node
) -> Unpack | Expression:
    then, otherwise = node.function(then_branch, "then"), node.function(else_branch, "otherwise")
    call = Symbol("branch")(condition, then, otherwise)
    return Unpack(call, len(node.outputs)) if len(node.outputs) > 1 else call


def loop(
    limit: Value | None, condition: Value | None = None, *state: Value, body: ir.Graph, node: Node
) -> Unpack:
    step = node.function(body, "body")
    empty = [
        Symbol("jnp.zeros")([0, *(n or 0 for n in (o.shape or ())[1:])], dtype=dtype(str(o.dtype)))
        for o in node.outputs[len(state) :]
    ]
    return Unpack(Symbol("loop")(step, limit, condition, list(state), empty), len(node.outputs))
