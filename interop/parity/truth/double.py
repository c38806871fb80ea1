"""The float64 twin of a model: the same graph with every float type widened to double."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto
from onnx import numpy_helper as nph

NARROW = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16})

#: Attributes that name an element type. (`stash_type` is not here: it names the precision of the
#: inner sums, and the reference evaluator always sums in the type of the data.)
TYPE_ATTRIBUTES = frozenset(
    {"dtype", "output_datatype", "output_dtype", "precision", "softmax_precision", "to"}
)


#: Operators whose result is float32 where this attribute does not say otherwise.
FLOAT_UNASKED = {
    "BlackmanWindow": "output_datatype",
    "HammingWindow": "output_datatype",
    "HannWindow": "output_datatype",
    "MelWeightMatrix": "output_datatype",
}


def double_model(model: ModelProto) -> ModelProto:
    """A copy of `model` in which float32, float16 and bfloat16 are float64 everywhere.

    Initialisers, constants, types and the attributes that name a type change, in subgraphs and
    functions too; values do not. float8 and integer types stay: those roundings are the model's.
    """
    twin = ModelProto()
    for field in ("ir_version", "producer_name", "domain"):
        if model.HasField(field):
            setattr(twin, field, getattr(model, field))
    twin.opset_import.extend(model.opset_import)
    twin.graph.CopyFrom(_double_graph(model.graph))
    for function in model.functions:
        copy = twin.functions.add()
        copy.CopyFrom(function)
        for node in copy.node:
            _widen_node(node)
    return twin


def widen_array(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """`array` in float64 if it is float32, float16 or bfloat16, else as it is."""
    if array.dtype.name in ("float32", "float16", "bfloat16"):
        return array.astype(np.float64)
    return array


def _double_graph(graph: GraphProto) -> GraphProto:
    twin = GraphProto(name=graph.name)
    for tensor in graph.initializer:
        twin.initializer.append(_widen_tensor(tensor))
    for sparse in graph.sparse_initializer:
        copy = twin.sparse_initializer.add()
        copy.CopyFrom(sparse)
        copy.values.CopyFrom(_widen_tensor(sparse.values))
    for field in ("input", "output", "value_info"):
        for value in getattr(graph, field):
            copy = getattr(twin, field).add()
            copy.CopyFrom(value)
            _widen_type(copy.type)
    for node in graph.node:
        copy = twin.node.add()
        copy.CopyFrom(node)
        _widen_node(copy)
    return twin


def _widen_tensor(tensor: TensorProto) -> TensorProto:
    if tensor.data_type not in NARROW:
        return tensor
    return nph.from_array(nph.to_array(tensor).astype(np.float64), tensor.name)


def _widen_type(type_: TypeProto) -> None:
    kind = type_.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        tensor = getattr(type_, kind)
        if tensor.elem_type in NARROW:
            tensor.elem_type = TensorProto.DOUBLE
    elif kind in ("sequence_type", "optional_type"):
        _widen_type(getattr(type_, kind).elem_type)


def _widen_node(node: NodeProto) -> None:
    for attribute in node.attribute:
        _widen_attribute(attribute)
    if node.op_type == "Constant" and node.domain == "":
        _widen_constant(node)
    unsaid = FLOAT_UNASKED.get(node.op_type)
    if unsaid and node.domain == "" and all(a.name != unsaid for a in node.attribute):
        node.attribute.append(onnx.helper.make_attribute(unsaid, int(TensorProto.DOUBLE)))
    if node.op_type == "ConstantOfShape" and not node.attribute:
        node.attribute.append(onnx.helper.make_attribute("value", nph.from_array(np.zeros(1))))


def _widen_attribute(attribute: AttributeProto) -> None:
    if attribute.type == AttributeProto.INT and attribute.name in TYPE_ATTRIBUTES:
        if attribute.i in NARROW:
            attribute.i = TensorProto.DOUBLE
    elif attribute.type == AttributeProto.TENSOR:
        attribute.t.CopyFrom(_widen_tensor(attribute.t))
    elif attribute.type == AttributeProto.SPARSE_TENSOR:
        attribute.sparse_tensor.values.CopyFrom(_widen_tensor(attribute.sparse_tensor.values))
    elif attribute.type == AttributeProto.GRAPH:
        attribute.g.CopyFrom(_double_graph(attribute.g))
    elif attribute.type == AttributeProto.GRAPHS:
        for graph in attribute.graphs:
            graph.CopyFrom(_double_graph(graph))
    elif attribute.type == AttributeProto.TYPE_PROTO:
        _widen_type(attribute.tp)


def _widen_constant(node: NodeProto) -> None:
    """`value_float(s)` would come out in float32: say the same as a float64 tensor."""
    (attribute,) = node.attribute
    if attribute.ref_attr_name or attribute.name not in ("value_float", "value_floats"):
        return
    value = attribute.f if attribute.name == "value_float" else list(attribute.floats)
    tensor = nph.from_array(np.array(value, dtype=np.float64))
    del node.attribute[:]
    node.attribute.append(onnx.helper.make_attribute("value", tensor))
