"""Constant folding by onnx's reference evaluator, one node at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

#: Folding serves shape arithmetic and parameters; a result above this size (bytes) that is larger
#: than what it was made from stays an operator, so that models do not grow.
_LIMIT = 1 << 16

#: Not functions of their inputs.
_RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli",
     "Multinomial", "Dropout"}
)  # fmt: skip


def fold_constants(model: ir.Model) -> int:
    """Replace every node whose inputs are all known by its value, also inside subgraphs.

    `Shape` and `Size` of a value whose shape is static count as known, and so do single sizes of one
    whose shape is static there. Graph outputs stay computed.
    Returns how many nodes were replaced, wholly or (a Split of sizes) in part.
    """
    count = 0
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        values = _evaluate(node, model.opset_imports)
        if values is None:
            continue
        whole = all(array is not None for array in values)
        folded: list[ir.Value] = []
        for output, array in zip(node.outputs, values, strict=True):
            if array is None or not (whole or output.uses()):
                continue
            constant = ir.Value(
                name=_inherited(model.graph, node, array) or _own(output, whole),
                shape=ir.Shape(array.shape),
                type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
                const_value=ir.tensor(array),
            )
            output.replace_all_uses_with(constant)
            folded.append(constant)
        if not folded:
            continue
        assert node.graph is not None
        if whole:
            node.graph.remove(node, safe=True)
        for constant in folded:
            assert constant.name is not None
            model.graph.initializers.pop(constant.name, None)  # whose name it has inherited
            model.graph.register_initializer(constant)
        count += 1
    return count


def _own(output: ir.Value, free: bool) -> str | None:
    """A name for what is known of `output`: its own, where that is free."""
    return output.name if free else f"{output.name}/known"


def _inherited(graph: ir.Graph, node: ir.Node, array: np.ndarray) -> str | None:
    """The name of the weight of `graph` that `node` only puts into another form, if it alone has it."""
    if len(node.outputs) != 1:
        return None
    for value in node.inputs:
        if value is None or value.name is None or graph.initializers.get(value.name) is not value:
            continue
        once = len(value.uses()) == 1 and not value.is_graph_output() and not value.is_graph_input()
        if once and array.size > 1 and value.const_value is not None:
            return value.name if value.const_value.size == array.size else None
    return None


def settle_branches(model: ir.Model) -> int:
    """Put the branch that is taken in the place of every `If` whose condition is known."""
    found = [
        node
        for node in ir.traversal.RecursiveGraphIterator(model.graph)
        if node.op_type == "If"
        and node.domain == ""
        and node.inputs[0] is not None
        and node.inputs[0].const_value is not None
    ]
    for node in found:
        condition = node.inputs[0].const_value.numpy()  # type: ignore[union-attr]
        branch = node.attributes["then_branch" if condition.item() else "else_branch"].as_graph()
        # Through an Identity each, since a branch may hand out a value of the graph around it.
        copies = [ir.node("Identity", [value]) for value in branch.outputs]
        inner = list(branch)
        branch.outputs.clear()
        branch.remove(inner)
        assert node.graph is not None
        results = [copy.outputs[0] for copy in copies]
        ir.convenience.replace_nodes_and_values(
            node.graph, node, [node], [*inner, *copies], node.outputs, results
        )
    return len(found)


def _evaluate(node: ir.Node, opsets: dict[str, int]) -> Sequence[np.ndarray | None] | None:
    """The outputs of `node` (any dtype and shape) if they follow from constants, else None; of a Split
    of sizes those that do."""
    if node.domain != "" or node.op_type in _RANDOM:
        return None
    if any(output.is_graph_output() or not output.name for output in node.outputs):
        return None
    if any(
        a.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
        for a in node.attributes.values()
    ):
        return None
    if node.op_type in ("Shape", "Size"):
        return _static_shape(node)
    feeds = {
        f"input{index}": value.const_value.numpy()
        for index, value in enumerate(node.inputs)
        if value is not None and value.const_value is not None
    }
    sizes = _sizes(node)
    if sizes is not None:
        feeds["input0"] = sizes
    if not node.inputs or len(feeds) < sum(value is not None for value in node.inputs):
        return None
    if node.op_type == "Transpose" and len(node.inputs[0].uses()) > 1:  # type: ignore[union-attr]
        return None  # a weight that is used twice stays one parameter
    arrays = _run(node, feeds, opsets)
    if arrays is None or sizes is None:
        return arrays
    known = [None if (array < 0).any() else array for array in arrays]
    return known if any(array is not None for array in known) else None


def _sizes(node: ir.Node) -> np.ndarray | None:
    """The Shape (perhaps in another type) that `node` picks from, -1 for the sizes that are not known."""
    data = node.inputs[0] if node.op_type in ("Gather", "Slice", "Split") else None
    shape, dtype = None if data is None else data.producer(), np.dtype(np.int64)
    if data is not None and shape is not None and shape.op_type == "Cast" and shape.domain == "":
        dtype = np.dtype(np.int64) if data.dtype is None else data.dtype.numpy()
        shape = None if shape.inputs[0] is None else shape.inputs[0].producer()
    if shape is None or shape.op_type != "Shape" or shape.domain != "" or dtype.kind not in "if":
        return None
    of = shape.inputs[0]
    if of is None or of.shape is None:
        return None
    known = [size if isinstance(size, int) else -1 for size in of.shape]
    start = shape.attributes.get_int("start", 0)
    return np.array(known[start : shape.attributes.get_int("end", len(known))], dtype=dtype)


def _run(
    node: ir.Node, feeds: dict[str, np.ndarray], opsets: dict[str, int]
) -> list[np.ndarray] | None:
    """What the reference evaluator makes of `node`; None if that is no tensor, or very large."""
    proto = ir.to_proto(node)
    proto.input[:] = ["" if value is None else f"input{i}" for i, value in enumerate(node.inputs)]
    graph = onnx.helper.make_graph(
        [proto],
        "node",
        [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in feeds],
        [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in proto.output],
    )
    single = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid(d, v) for d, v in opsets.items()]
    )
    results = ReferenceEvaluator(single).run(None, feeds)
    if not all(isinstance(result, np.ndarray) or np.isscalar(result) for result in results):
        return None  # a sequence or an optional
    arrays = [np.asarray(result) for result in results]
    before = sum(array.nbytes for array in feeds.values())
    if sum(array.nbytes for array in arrays) > max(_LIMIT, before):
        return None
    return arrays


def _static_shape(node: ir.Node) -> list[np.ndarray] | None:
    data = node.inputs[0]
    if data is None or data.shape is None or not data.shape.is_static():
        return None
    shape = np.array(data.shape.numpy(), dtype=np.int64)
    if node.op_type == "Size":
        return [np.array(shape.prod(), dtype=np.int64)]
    start = node.attributes.get_int("start", 0)
    end = node.attributes.get_int("end", len(shape))
    return [shape[start:end]]
