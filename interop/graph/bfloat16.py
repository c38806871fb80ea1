"""A canonical graph that computes in bfloat16; its inputs and outputs stay as they are.

An operator whose schema has no bfloat16 for a value goes on in float32, between casts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir

from interop.graph.load import CANONICAL_OPSET
from interop.graph.patterns.terms import constant

WIDE, NARROW = ir.DataType.FLOAT, ir.DataType.BFLOAT16

_FINITE = np.float32(ml_dtypes.finfo(ml_dtypes.bfloat16).max)

#: Operators whose results have the types of their bodies' results.
_WITH_BODIES = frozenset({"If", "Loop", "Scan"})

#: Attributes that say the type of a result.
_TYPES = ("to", "dtype", "output_dtype")

#: Operators that stay in float32 though their schema has bfloat16: they ask for its bits, or how the
#: types of their operands and results belong together, it does not say.
_WHOLE = frozenset(
    {"BitCast", "LinearAttention", "MeanVarianceNormalization", "OptionalGetElement"}
)


@dataclass(frozen=True)
class _Kept:
    """Where the operands and results of a node are that stay in float32; typing: its attribute that says
    the type of the others, where there is one."""

    node: ir.Node
    operands: tuple[int, ...]
    results: tuple[int, ...]
    typing: str = ""


def compute_in_bfloat16(model: ir.Model) -> None:
    """Let `model` (canonical; in place) compute in bfloat16 what it computes in float32.

    Finite constants stay finite: those beyond the largest number of bfloat16 become that.
    """
    graphs = [model.graph, *model.graph.subgraphs()]
    wide = [value for graph in graphs for value in _values(graph) if _is_wide(value)]
    kept = [_kept(node, model) for graph in graphs for node in graph]
    constants = {value: value.const_value for value in wide if value.is_initializer()}
    given = [value for value in model.graph.inputs if _is_wide(value)]
    results = [index for index, value in enumerate(model.graph.outputs) if _is_wide(value)]
    for one in kept:
        if one.typing:
            _say_narrow(one.node, one.typing)
    for value in wide:
        value.dtype = NARROW
    for value, tensor in constants.items():
        if tensor is not None:
            value.const_value = _narrow(tensor)
    for one in kept:
        _keep(model, one, constants)
    for index in results:
        if not model.graph.outputs[index].is_graph_input():
            _widen_result(model.graph, index)
    for value in given:
        _narrow_input(model.graph, value)


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from node.outputs


def _kept(node: ir.Node, model: ir.Model) -> _Kept:
    operands = [index for index, value in enumerate(node.inputs) if _is_wide(value)]
    results = [index for index, value in enumerate(node.outputs) if _is_wide(value)]
    if node.op_type in _WITH_BODIES and node.domain == "":
        return _Kept(node, (), ())
    version = model.opset_imports.get(node.domain, CANONICAL_OPSET)
    if node.op_type in _WHOLE or not onnx.defs.has(
        node.op_type, max_inclusive_version=version, domain=node.domain
    ):
        return _Kept(node, tuple(operands), tuple(results))
    schema = onnx.defs.get_schema(node.op_type, version, node.domain)
    tied = {_formal(schema.inputs, at).type_str for at in range(len(node.inputs)) if schema.inputs}
    free = [at for at in results if _formal(schema.outputs, at).type_str not in tied]
    typing = _typing(node, schema) if any(_takes(schema.outputs, at) for at in free) else ""
    return _Kept(
        node,
        tuple(at for at in operands if not _takes(schema.inputs, at)),
        tuple(
            at for at in results if not _takes(schema.outputs, at) or (at in free and not typing)
        ),
        typing,
    )


def _is_wide(value: ir.Value | None) -> bool:
    return value is not None and isinstance(value.type, ir.TensorType) and value.dtype == WIDE


Formal = onnx.defs.OpSchema.FormalParameter


def _formal(parameters: Sequence[Formal], index: int) -> Formal:
    """The last one may stand for several."""
    return parameters[min(index, len(parameters) - 1)]


def _takes(parameters: Sequence[Formal], index: int) -> bool:
    return "tensor(bfloat16)" in _formal(parameters, index).types


def _typing(node: ir.Node, schema: onnx.defs.OpSchema) -> str:
    """The attribute that says the type of what `node` makes, or empty."""
    if node.op_type == "ConstantOfShape":
        return "value"
    return next((word for word in _TYPES if word in schema.attributes), "")


def _say_narrow(node: ir.Node, attribute: str) -> None:
    if attribute != "value":
        node.attributes[attribute] = ir.AttrInt64(attribute, NARROW.value)
        return
    filled = node.attributes.get("value")
    tensor = ir.tensor(np.zeros(1, np.float32)) if filled is None else filled.as_tensor()
    node.attributes["value"] = ir.AttrTensor("value", _narrow(tensor))


def _narrow(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    array = tensor.numpy()
    held = np.where(np.isfinite(array), np.clip(array, -_FINITE, _FINITE), array)
    return ir.tensor(held.astype(ml_dtypes.bfloat16), name=tensor.name)


def _keep(
    model: ir.Model, kept: _Kept, constants: Mapping[ir.Value, ir.TensorProtocol | None]
) -> None:
    node = kept.node
    for index in kept.operands:
        value = node.inputs[index]
        assert value is not None
        tensor = constants.get(value)
        if tensor is None:
            cast = _cast(value, WIDE, f"{node.name}/operand_{index}")
            _graph(node).insert_before(node, cast)
            wide = cast.outputs[0]
        else:
            wide = constant(model, f"{value.name}/float32", tensor.numpy())
        node.replace_input_with(index, wide)
    for index in kept.results:
        value = node.outputs[index]
        cast = _cast(value, NARROW, f"{node.name}/result_{index}")
        _change_over(value, cast, replace_graph_outputs=True)
        # Who asks for it by name asks for what the others read, too.
        cast.outputs[0].name, value.name = value.name, f"{value.name}/float32"
        value.dtype = WIDE
        _graph(node).insert_after(node, cast)


def _widen_result(graph: ir.Graph, index: int) -> None:
    """Let the graph give a result, which goes on in bfloat16 inside, by its name in float32."""
    value = graph.outputs[index]
    name = value.name
    cast = _cast(value, WIDE, f"{name}/wide")
    graph.outputs[index] = cast.outputs[0]
    value.name, cast.outputs[0].name = f"{name}/bfloat16", name
    graph.append(cast)


def _narrow_input(graph: ir.Graph, value: ir.Value) -> None:
    """Let the graph take `value` in float32 as before, and read it in bfloat16."""
    value.dtype = WIDE
    cast = _cast(value, NARROW, f"{value.name}/narrow")
    _change_over(value, cast, replace_graph_outputs=False)
    graph.insert_before(graph[0], cast)


def _cast(value: ir.Value, to: ir.DataType, name: str) -> ir.Node:
    node = ir.node("Cast", [value], {"to": to.value}, name=name)
    node.outputs[0].name = f"{name}/value"
    node.outputs[0].shape, node.outputs[0].type = value.shape, ir.TensorType(to)
    return node


def _change_over(value: ir.Value, cast: ir.Node, *, replace_graph_outputs: bool) -> None:
    """Whatever reads `value` reads what `cast` makes of it."""
    value.replace_all_uses_with(cast.outputs[0], replace_graph_outputs=replace_graph_outputs)
    cast.replace_input_with(0, value)


def _graph(node: ir.Node) -> ir.Graph:
    assert isinstance(node.graph, ir.Graph)
    return node.graph
