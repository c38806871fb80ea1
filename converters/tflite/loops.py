"""Loops in TFLite: it has While, but no list to which each turn adds a result."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from interop.converters.tensorflow.lowerings import control_flow

from interop.source.expression import Expression
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value

_WHY = "TFLite keeps no result of each turn, so it must be known how often it turns"


def loop(
    limit: Value | None, condition: Value | None = None, *state: Value, body: ir.Graph, node: Node
) -> Unpack | Expression:
    if len(node.outputs) > len(state):
        raise Refusal(_WHY)
    return control_flow.loop(limit, condition, *state, body=body, node=node)


def scan(*inputs: Value, node: Node, **attributes: Any) -> Unpack | Expression:
    raise Refusal(_WHY)
