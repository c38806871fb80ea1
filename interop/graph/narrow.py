"""Types below sixteen bits that a target lacks, held in the next wider one that it has.

A value of int4 becomes one of int8, of float4 one of float16, that can only be what the narrow type
could: what casts and quantises to it is rounded, limited or wrapped as ONNX says. Whatever moves
data, or reads it by a cast, stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.apply import decompose, replace
from interop.graph.decompositions.builder import Builder, Operator
from interop.graph.decompositions.narrow import HELD, cast
from interop.source.printer import NotLowered
from interop.source.values import Refusal


def hold_narrow(model: ir.Model, natively: Collection[str]) -> None:
    """Change every value of a narrow type (canonical `model`, in place); not those in `natively`.

    natively: names of types (ir.DataType) that the target has itself.

    Raises NotLowered where a node asks for bits that are no longer there, or for what no wider type
    gives.
    """
    lacking = {kind for kind in HELD if kind.name not in natively}
    found = {value: value.dtype for value in _values(model) if value.dtype in lacking}
    if not found:
        return
    quantising = [node for node in _nodes(model) if _needs_rewriting(node, lacking)]
    decompose(model, quantising)
    problems = {}
    for node in list(_nodes(model)):
        try:
            _rewrite(model, node, lacking)
        except Refusal as refusal:
            problems[node.name or ""] = f"{node.op_type} (node '{node.name}'): {refusal}"
    if problems:
        raise NotLowered(problems)
    for value in list(_values(model)):
        if value.dtype in lacking:
            _hold(value, HELD[value.dtype])


def _needs_rewriting(node: ir.Node, lacking: set[ir.DataType]) -> bool:
    """Quantisation to such a type, and back from one of floats: integers dequantise as they are."""
    if node.op_type == "QuantizeLinear":
        return node.outputs[0].dtype in lacking
    source = node.inputs[0].dtype if node.inputs and node.inputs[0] is not None else None
    return node.op_type == "DequantizeLinear" and source in lacking and source.is_floating_point()


def _rewrite(model: ir.Model, node: ir.Node, lacking: set[ir.DataType]) -> None:
    types = {v.dtype for v in (*node.inputs, *node.outputs) if v is not None and v.dtype in lacking}
    if not types:
        return
    if node.op_type in ("Cast", "CastLike") and node.outputs[0].dtype in lacking:
        assert node.name is not None
        builder = Builder(node.name)
        to = node.outputs[0].dtype
        assert to is not None
        replace(model, node, builder, [cast(builder, Operator(node), to)])
    elif node.op_type == "CastLike":
        kind = node.outputs[0].dtype
        assert kind is not None
        node.op_type = "Cast"
        node.resize_inputs(1)
        node.attributes["to"] = ir.AttrInt64("to", kind.value)
    elif node.op_type == "ConstantOfShape":
        fill = node.attributes["value"].as_tensor()
        held = HELD[fill.dtype]
        node.attributes["value"] = ir.AttrTensor(
            "value", ir.tensor(fill.numpy().astype(held.numpy()))
        )
    elif node.op_type == "BitCast":
        raise Refusal(f"the bits of {types.pop().name} are not there where it is emulated")
    elif lacking & {_named(node, "dtype"), _named(node, "output_dtype")}:
        raise Refusal(f"{types.pop().name} is only emulated here")


def _named(node: ir.Node, attribute: str) -> ir.DataType | None:
    """The type that an attribute asks for."""
    found = node.attributes.get(attribute)
    return None if found is None else ir.DataType(found.as_int())


def _hold(value: ir.Value, held: ir.DataType) -> None:
    if isinstance(value.type, ir.TensorType):
        value.type = ir.TensorType(held)
    elif isinstance(value.type, ir.SequenceType):
        value.type = ir.SequenceType(ir.TensorType(held))
    if value.const_value is not None:
        array = value.const_value.numpy().astype(held.numpy())
        value.const_value = ir.tensor(np.asarray(array), name=value.name)


def _nodes(model: ir.Model) -> Iterator[ir.Node]:
    yield from ir.traversal.RecursiveGraphIterator(model.graph)


def _values(model: ir.Model) -> Iterator[ir.Value]:
    graphs = {model.graph}
    yield from model.graph.initializers.values()
    for node in _nodes(model):
        assert isinstance(node.graph, ir.Graph)
        graphs.add(node.graph)
        yield from node.outputs
    for graph in graphs:
        yield from graph.inputs
