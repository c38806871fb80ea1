"""Operators that a target cannot express become simpler ones: M + N instead of M × N.

A decomposition of ours comes first, the function body that the standard gives after it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass

from interop.graph.canonical import add_defaults, tidy
from interop.graph.decompositions.apply import decompose

#: Where a node stands between being given a body and being inlined.
_CALLS = "interop.calls"
_GRAPH = ir.AttributeType.GRAPH

#: Whose body in the standard is a Loop: a target that lacks them has no loops either, and its own
#: reason says more.
_LOOPS = frozenset({"Range"})


def expand(model: ir.Model, names: Collection[str]) -> tuple[ir.Model, frozenset[str]]:
    """Replace the nodes of those `names`, where anything simpler is known for them.

    Returns the tidied model (`model` is consumed) and the names of the nodes that were replaced.
    """
    wanted = [
        node for node in ir.traversal.RecursiveGraphIterator(model.graph) if node.name in names
    ]
    ours, _ = decompose(model, wanted)
    done = set(ours)
    called = False
    for node in wanted:
        if node.name is None or node.name in ours:
            continue
        body = _body(node, model.opset_imports, len(done))
        if body is None:
            continue
        model.functions[body.identifier()] = body
        node.domain, node.op_type, node.overload = body.identifier()
        done.add(node.name)
        called = True
    if called:
        model.opset_imports[_CALLS] = 1
        InlinePass()(model)
    if done:
        model = tidy(Path("the graph"), model)
    return model, frozenset(done)


def _body(node: ir.Node, versions: Mapping[str, int], number: int) -> ir.Function | None:
    """The standard's body for this node, as a function of its own; None where there is none."""
    domain, version = node.domain, versions.get(node.domain, 1)
    if not onnx.defs.has(node.op_type, max_inclusive_version=version, domain=domain):
        return None
    if node.op_type in _LOOPS and domain == "":
        return None
    schema = onnx.defs.get_schema(node.op_type, max_inclusive_version=version, domain=domain)
    add_defaults(node, schema)  # bodies refer to attributes
    if not _self_contained(node):
        return None
    text = _serialized(schema, node, version)
    if not text:
        return None
    for name in [key for key, value in node.attributes.items() if value.type == _GRAPH]:
        del node.attributes[name]  # the body holds it
    proto = onnx.FunctionProto.FromString(text)
    proto.domain, proto.name = _CALLS, f"{node.op_type}_{number}"
    _drop_outputs(proto, node)
    for imported in proto.opset_import:
        if imported.domain == "":
            imported.version = versions.get(
                "", 1
            )  # onnx gives bodies only where this changes nothing
    return ir.from_proto(proto)


def _self_contained(node: ir.Node) -> bool:
    """Whether its subgraphs read nothing from outside; constants that they read go inside."""
    for attribute in node.attributes.values():
        if attribute.type != _GRAPH:
            continue
        graph = attribute.as_graph()
        nodes = list(ir.traversal.RecursiveGraphIterator(graph))
        own = {value for inner in nodes for value in inner.outputs} | set(graph.inputs)
        read = {value for inner in nodes for value in inner.inputs if value is not None}
        for value in read - own:
            if value.const_value is None:
                return False
            constant = ir.node("Constant", [], {"value": value.const_value})
            constant.outputs[0].name = f"{value.name}/inside"
            graph.insert_before(graph[0], constant)
            for inner in nodes:
                for index, given in enumerate(inner.inputs):
                    if given is value:
                        inner.replace_input_with(index, constant.outputs[0])
    return True


def _drop_outputs(proto: onnx.FunctionProto, node: ir.Node) -> None:
    """Bodies name every optional output, and compute those that the node asks for."""
    computed = {name for inner in proto.node for name in inner.output} | set(proto.input)
    names = [name if name in computed else "" for name in proto.output]
    while names and not names[-1]:
        names.pop()
    stand_in = next(name for name in names if name)
    del proto.output[:]
    proto.output.extend(name or stand_in for name in names)
    node.resize_outputs(len(names))


def _serialized(schema: onnx.defs.OpSchema, node: ir.Node, version: int) -> bytes:
    if schema.has_context_dependent_function:  # type: ignore[attr-defined]
        types = [_type(value).SerializeToString() for value in node.inputs]
        proto = ir.to_proto(node).SerializeToString()
        known = schema.context_dependent_function_opset_versions  # type: ignore[attr-defined]
        built = max((v for v in known if v <= version), default=None)
        if built is None:
            return b""
        return schema.get_context_dependent_function_with_opset_version(built, proto, types)  # type: ignore[attr-defined, no-any-return]
    known = schema.function_opset_versions  # type: ignore[attr-defined]
    built = max((v for v in known if v <= version), default=None)
    return b"" if built is None else schema.get_function_with_opset_version(built)  # type: ignore[attr-defined, no-any-return]


def _type(value: ir.Value | None) -> onnx.TypeProto:
    if value is None or value.dtype is None:
        return onnx.TypeProto()
    return ir.to_proto(value).type  # type: ignore[no-any-return]
