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
