"""Puts a product with a constant matrix and the bias added to it together, for a Dense layer."""

from __future__ import annotations

import onnx_ir as ir
from interop.converters.keras.table import DENSE


def join_biases(model: ir.Model) -> None:
    """MatMul(x, W [in, out]) + b [out], which nobody else reads, becomes one node; in place."""
    for node in list(model.graph):
        if node.op_type != "Add" or node.domain != "":
            continue
        for product, bias in (node.inputs, node.inputs[::-1]):
            if product is not None and bias is not None and _join(node, product, bias):
                break


def _join(node: ir.Node, product: ir.Value, bias: ir.Value) -> bool:
    source = product.producer()
    if source is None or source.op_type != "MatMul" or source.domain != "":
        return False
    data, weight = source.inputs
    if data is None or weight is None or product.is_graph_output() or len(product.uses()) != 1:
        return False
    if weight.const_value is None or bias.const_value is None or data.const_value is not None:
        return False
    if data.dtype != ir.DataType.FLOAT or data.shape is None or len(data.shape) < 2:
        return False
    sizes, width = weight.shape, data.shape[-1]
    if sizes is None or len(sizes) != 2 or bias.shape != ir.Shape([sizes[1]]) or width != sizes[0]:
        return False
    domain, name = DENSE
    node.domain, node.op_type = domain, name
    node.resize_inputs(3)
    for index, value in enumerate((data, weight, bias)):
        node.replace_input_with(index, value)
    model_graph = source.graph
    assert model_graph is not None
    model_graph.remove(source, safe=True)
    return True
