"""If, Loop and Scan: subgraphs become functions, which theano.scan and ifelse call to build theirs."""

from __future__ import annotations

import onnx_ir as ir
from interop.converters.theano.lowerings.common import T

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value

#: Limits from here on are none: exporters say so where only the condition ends a loop.
_NO_LIMIT = 1 << 31


def if_(
    condition: Value, *, then_branch: ir.Graph, else_branch: ir.Graph, node: Node
) -> Unpack | Expression:
    then, otherwise = node.function(then_branch, "then"), node.function(else_branch, "otherwise")
    return Unpack(Symbol("branch")(condition, then, otherwise), len(node.outputs))


def loop(
    limit: Value | None, condition: Value | None = None, *states: Value, body: ir.Graph, node: Node
) -> Unpack:
    """`loop(step, limit, condition, states, rows of no turn)`."""
    known = None if limit is None else limit.constant
    if limit is None or (known is not None and known.item() >= _NO_LIMIT):
        raise Refusal("a loop without a limit: Theano makes room for all turns beforehand")
    outputs = node.outputs[len(states) :]
    empty = [T.zeros([0, *(size or 0 for size in (o.shape or ())[1:])], o.dtype) for o in outputs]
    call = Symbol("loop")(node.function(body, "body"), limit, condition, list(states), empty)
    return Unpack(call, len(node.outputs))
