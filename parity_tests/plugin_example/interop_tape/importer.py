"""Canonical ONNX → the source that records a tape."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from interop.source.expression import Expression, Symbol, literal
from interop.source.module import Source
from interop.source.printer import NotLowered, Style, print_graph
from interop.source.values import Refusal, Value

tape = Symbol("tape")


def gemm(
    a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Expression:  # fmt: skip
    if (alpha, beta, transA, transB) != (1.0, 1.0, 0, 0):
        raise Refusal("Tape's products are neither scaled nor transposed")
    product = tape.matmul(a, b)
    return product if c is None else tape.add(product, c)


LOWERINGS = {
    ("", "MatMul"): lambda a, b: tape.matmul(a, b),
    ("", "Gemm"): gemm,
    ("", "Add"): lambda a, b: tape.add(a, b),
    ("", "Identity"): lambda x: x,
    ("", "Relu"): lambda x: tape.relu(x),
    ("", "Tanh"): lambda x: tape.tanh(x),
}

_HEADER = '''"""A model, converted from ONNX. `record(tape)` writes it on a tape."""

'''


def lower(model: ir.Model) -> Source:
    """The source of `model` (canonical). Raises NotLowered with every node that Tape has not."""
    inputs = [_declared(value) for value in model.graph.inputs]
    style = Style(frozenset({"tape", "record", "INPUTS"}), _no_inline,
                  weight=lambda name, _: repr(name), depth=1)  # fmt: skip
    body = print_graph(model, LOWERINGS, style)
    taken = [f"    {argument} = {name!r}" for name, argument in body.inputs.items()]
    results = ", ".join(f"{key!r}: {result}" for key, result in body.results.items())
    lines = [f"INPUTS = {literal(inputs)}", "", "", "def record(tape):", *taken, *body.lines,
             f"    tape.outputs = {{{results}}}"]  # fmt: skip
    names = {name: name for name in body.inputs}
    return Source(_HEADER + "\n".join(lines) + "\n", body.weights, names, body.outputs)


def _no_inline(array: np.ndarray) -> str | None:
    return None


def _declared(value: ir.Value) -> list[Any]:
    if value.dtype != ir.DataType.FLOAT or value.shape is None:
        raise NotLowered({value.name or "": f"'{value.name}': Tape has float32 only"})
    shape = [dim if isinstance(dim, int) else dim.value for dim in value.shape]
    return [value.name, "float32", shape]
