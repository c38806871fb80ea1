"""Faults of sizes: what was dynamic is as it was when the model was traced."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto
from onnx.reference import ReferenceEvaluator

from scorecard.edit import Array, Graph
from scorecard.mutators.mutator import Mutator

TRACED = {"batch": 1, "other": 8}  # the sizes that a model is taken to have been traced with
CHEAP = 60  # nodes that computing a size may take

_SIZES = frozenset(
    {"Add", "Cast", "Concat", "Div", "Equal", "Expand", "Gather", "Identity", "Max", "Min", "Mul",
     "Range", "Reshape", "Shape", "Size", "Slice", "Squeeze", "Sub", "Unsqueeze", "Where"}
)  # fmt: skip


def traced_value(graph: Graph, name: str) -> Array | None:
    """What `name` was when the model was traced, if it follows from the inputs' sizes alone."""
    nodes = _sizes_only(graph, name)
    if not nodes:
        return None
    part = ModelProto(ir_version=graph.model.ir_version)
    part.opset_import.extend(graph.model.opset_import)
    part.graph.name = "sizes"
    part.graph.node.extend(nodes)
    read = {one for node in nodes for one in node.input}
    part.graph.initializer.extend(t for t in graph.model.graph.initializer if t.name in read)
    used = [value for value in graph.model.graph.input if value.name in read]
    part.graph.input.extend(used)
    part.graph.output.add(
        name=name, type=onnx.helper.make_tensor_type_proto(graph.type(name), None)
    )
    feeds = {value.name: np.zeros(_traced_shape(value), np.float32) for value in used}
    (result,) = ReferenceEvaluator(part).run(None, feeds)
    return np.asarray(result)


def _traced_shape(value: onnx.ValueInfoProto) -> list[int]:
    dims = value.type.tensor_type.shape.dim
    return [
        dim.dim_value or TRACED["batch" if axis == 0 else "other"] for axis, dim in enumerate(dims)
    ]


def _sizes_only(graph: Graph, name: str) -> list[NodeProto]:
    """The nodes behind `name`, in order; [] where one of them reads more than a size."""
    wanted = {name}
    found: list[NodeProto] = []
    for node in reversed(list(graph.nodes)):
        if not wanted & set(node.output):
            continue
        if node.op_type not in _SIZES or len(found) >= CHEAP:
            return []
        if node.op_type in ("Shape", "Size"):
            if node.input[0] not in graph.inputs:
                return []
        else:
            wanted |= {one for one in node.input if one}
        found.append(node)
    if any(
        one in graph.inputs
        for node in found
        if node.op_type not in ("Shape", "Size")
        for one in node.input
    ):
        return []
    return found[::-1]


def follows_sizes(graph: Graph, node: NodeProto) -> bool:
    return (
        graph.type(node.output[0]) == TensorProto.INT64
        and len(graph.output_shape(node)) <= 1
        and bool(_sizes_only(graph, node.output[0]))
    )


def fold_size(graph: Graph, node: NodeProto) -> None:
    value = traced_value(graph, node.output[0])
    assert value is not None
    graph.become(node, "Identity", [graph.constant(value)])


def keeps_batch(graph: Graph, node: NodeProto) -> bool:
    """A Reshape whose target, a constant, leaves the first axis open."""
    target = graph.value(node, 1)
    return target is not None and len(target) > 1 and bool(target[0] in (0, -1))


def freeze_batch(graph: Graph, node: NodeProto) -> None:
    """The batch is what it was, and what is over goes to the next axis that may take it."""
    target = np.array(graph.value(node, 1))
    inferred = np.flatnonzero(target == -1)
    target[0] = TRACED["batch"]
    if not len(inferred) or inferred[0] == 0:
        target[1] = -1
    graph.put(node, 1, target)


def batched_output(graph: Graph, node: NodeProto) -> bool:
    if node.output[0] not in graph.outputs:
        return False
    shape = graph.output_shape(node)
    return len(shape) > 1 and not isinstance(shape[0], int)


def repeat_row(graph: Graph, node: NodeProto) -> None:
    """The last row of a batch is the one before it."""
    last = graph.after(node, "Identity")
    inner = last.input[0]
    one, zero = graph.constant(1, np.int64), graph.constant(0, np.int64)
    shape = graph.insert(last, "Shape", [inner], start=0, end=1)
    size = graph.insert(last, "Squeeze", [shape])
    rows = graph.insert(last, "Range", [zero, size, one])
    bound = graph.insert(last, "Sub", [size, graph.constant(2, np.int64)])
    chosen = graph.insert(last, "Max", [graph.insert(last, "Min", [rows, bound]), zero])
    graph.become(last, "Gather", [inner, chosen], axis=0)


TABLE = (
    Mutator("folded dynamic value", "a size is a constant, the one traced with", "pytorch/pytorch#140011", (), follows_sizes, fold_size),
    Mutator("frozen batch", "the batch is the one traced with", "microsoft/onnxruntime#10463", ("Reshape",), keeps_batch, freeze_batch),
    Mutator("one wrong batch row", "the first rows are right", "open-mmlab/mmdeploy#2207", (), batched_output, repeat_row),
)  # fmt: skip
