"""How each operator carries a channels-last tensor: the table that the layout pass reads.

A rule takes a node and the state of the pass. It rewires the node and returns True, or changes
nothing and returns False, after which the node is fed in ONNX's own order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from interop.graph.layout import DOMAIN, Layouts, first_order, last_order

Rule = Callable[[ir.Node, Layouts], bool]


def spatial(node: ir.Node, layouts: Layouts) -> bool:
    """Data in, data out, both channels-last; the other inputs (weights, statistics) as in ONNX."""
    data, rank = node.inputs[0], _spatial_rank(node, layouts)
    if data is None or rank is None or rank < 3:
        return False
    if data.shape is None:
        data.shape = ir.Shape([None] * rank)
    indices = node.outputs[1] if node.op_type == "MaxPool" and len(node.outputs) > 1 else None
    if indices is not None and (indices.uses() or indices.is_graph_output()):
        return False  # its indices count in ONNX's order
    for index, value in enumerate(node.inputs[1:], start=1):
        if layouts.is_last(value):
            assert value is not None
            node.replace_input_with(index, layouts.first(value))
    node.replace_input_with(0, layouts.last(data))
    node.domain = DOMAIN
    output = node.outputs[0]
    if output.shape is None:
        output.shape = ir.Shape([None] * rank)
    layouts.mark_last(output)
    return True


def resize(node: ir.Node, layouts: Layouts) -> bool:
    """Spatial, and its per-axis vectors (roi, scales, sizes) follow the axes."""
    rank = layouts.rank(node.inputs[0])
    if rank is None or rank < 3:
        return False
    axes = node.attributes.get_ints("axes") or range(rank)
    positions = [first_order(rank)[axis % rank] for axis in axes]
    order = np.argsort(positions, kind="stable").tolist()
    for index, value in enumerate(node.inputs[1:], start=1):
        if value is None or (value.const_value is not None and value.const_value.size == 0):
            continue
        entries = [*order, *(len(order) + i for i in order)] if index == 1 else order  # roi: two
        node.replace_input_with(index, layouts.permute_vector(value, entries, node))
    if "axes" in node.attributes:
        node.attributes["axes"] = ir.AttrInt64s("axes", sorted(positions))
    return spatial(node, layouts)


def elementwise(node: ir.Node, layouts: Layouts) -> bool:
    """Numpy broadcasting over any number of inputs."""
    ranks = [layouts.rank(value) for value in node.inputs if value is not None]
    if not any(layouts.is_last(value) for value in node.inputs) or None in ranks:
        return False
    rank = max(r for r in ranks if r is not None)
    if any(layouts.is_last(value) and layouts.rank(value) != rank for value in node.inputs):
        return False
    replacements = {}
    for index, value in enumerate(node.inputs):
        own = layouts.rank(value)
        if (
            value is None
            or own == 0
            or (value.const_value is not None and value.const_value.size == 1)
        ):
            continue
        if own == rank:
            replacements[index] = value
        elif value.const_value is not None:
            array = value.const_value.numpy()
            padded = array.reshape((1,) * (rank - array.ndim) + array.shape)
            replacements[index] = layouts.constant(padded, f"{value.name}_expanded")
        else:
            return False
    for index, value in replacements.items():
        node.replace_input_with(index, layouts.last(value))
    return _mark_outputs(node, layouts, rank)


def along_axis(default: int) -> Rule:
    """One attribute `axis`, every tensor of the same rank (Concat, Softmax, Split)."""

    def rule(node: ir.Node, layouts: Layouts) -> bool:
        data = [value for value in node.inputs if value is not None]
        if node.op_type == "Split":
            data = data[:1]
        if not any(layouts.is_last(value) for value in data):
            return False
        rank = layouts.rank(next(value for value in data if layouts.is_last(value)))
        if rank is None or any(layouts.rank(value) != rank for value in data):
            return False
        axis = node.attributes.get_int("axis", default) % rank
        node.attributes["axis"] = ir.AttrInt64("axis", first_order(rank)[axis])
        for index, value in enumerate(data):
            node.replace_input_with(index, layouts.last(value))
        return _mark_outputs(node, layouts, rank)

    return rule


def reduction(node: ir.Node, layouts: Layouts) -> bool:
    """Axes as a constant input; the result stays channels-last if it keeps its dimensions."""
    data = node.inputs[0]
    if data is None or not layouts.is_last(data):
        return False
    rank = layouts.rank(data)
    assert rank is not None
    axes = _constant_axes(node, 1)
    if axes is None:
        if len(node.inputs) > 1 and node.inputs[1] is not None:
            return False
        return bool(node.attributes.get_int("keepdims", 1)) and _mark_outputs(node, layouts, rank)
    positions = sorted(first_order(rank)[axis % rank] for axis in axes)
    keep = bool(node.attributes.get_int("keepdims", 1))
    if not keep and not _order_survives(rank, positions):
        return False
    constant = layouts.constant(np.array(positions, dtype=np.int64), f"{node.name}_axes")
    node.replace_input_with(1, constant)
    return _mark_outputs(node, layouts, rank) if keep else True


def squeeze(node: ir.Node, layouts: Layouts) -> bool:
    """Constant axes, where what is left stands in the same order either way."""
    data, axes = node.inputs[0], _constant_axes(node, 1)
    if data is None or not layouts.is_last(data) or axes is None:
        return False
    rank = layouts.rank(data)
    assert rank is not None
    positions = sorted(first_order(rank)[axis % rank] for axis in axes)
    if not _order_survives(rank, positions):
        return False
    constant = layouts.constant(np.array(positions, dtype=np.int64), f"{node.name}_axes")
    node.replace_input_with(1, constant)
    return True


def slice_(node: ir.Node, layouts: Layouts) -> bool:
    """The axes are renamed; starts, ends and steps may be dynamic."""
    data = node.inputs[0]
    if data is None or not layouts.is_last(data):
        return False
    rank = layouts.rank(data)
    assert rank is not None
    if len(node.inputs) > 3 and node.inputs[3] is not None:
        axes = _constant_axes(node, 3)
    else:
        starts = node.inputs[1]
        known = starts is not None and starts.shape is not None and isinstance(starts.shape[0], int)
        axes = list(range(starts.shape[0])) if known else None  # type: ignore[union-attr, arg-type, index]
    if axes is None:
        return False
    positions = np.array([first_order(rank)[axis % rank] for axis in axes], dtype=np.int64)
    if len(node.inputs) < 4:
        node.resize_inputs(4)
    node.replace_input_with(3, layouts.constant(positions, f"{node.name}_axes"))
    return _mark_outputs(node, layouts, rank)


def pad(node: ir.Node, layouts: Layouts) -> bool:
    """`pads` holds all begins, then all ends, one an axis (or one for each of `axes`)."""
    data, pads = node.inputs[0], node.inputs[1]
    if data is None or pads is None or not layouts.is_last(data):
        return False
    rank = layouts.rank(data)
    assert rank is not None
    if len(node.inputs) > 3 and node.inputs[3] is not None:
        axes = _constant_axes(node, 3)
        if axes is None:
            return False
        positions = np.array([first_order(rank)[axis % rank] for axis in axes], dtype=np.int64)
        node.replace_input_with(3, layouts.constant(positions, f"{node.name}_axes"))
    else:
        order = [*last_order(rank), *(rank + axis for axis in last_order(rank))]
        node.replace_input_with(1, layouts.permute_vector(pads, order, node))
    return _mark_outputs(node, layouts, rank)


def per_axis_vector(node: ir.Node, layouts: Layouts) -> bool:
    """Input 1 holds one entry an axis (Tile's repeats, Expand's shape of full length)."""
    data, vector = node.inputs[0], node.inputs[1]
    if data is None or vector is None or not layouts.is_last(data):
        return False
    rank = layouts.rank(data)
    assert rank is not None
    if vector.shape is None or vector.shape[0] != rank:
        return False
    node.replace_input_with(1, layouts.permute_vector(vector, last_order(rank), node))
    return _mark_outputs(node, layouts, rank)


def shape(node: ir.Node, layouts: Layouts) -> bool:
    """Read the physical shape, and hand it on in ONNX's order."""
    data = node.inputs[0]
    if data is None or not layouts.is_last(data):
        return False
    rank = layouts.rank(data)
    assert rank is not None
    start = node.attributes.get_int("start", 0)
    end = node.attributes.get_int("end", rank)
    order = first_order(rank)[slice(*slice(start, end).indices(rank))]
    for name in ("start", "end"):
        node.attributes.pop(name, None)
    indices = layouts.constant(np.array(order, dtype=np.int64), f"{node.name}_order")
    output = node.outputs[0]
    gather = ir.node("Gather", [output, indices], {"axis": 0})
    result = gather.outputs[0]
    result.name, result.shape, result.type = f"{output.name}_ordered", output.shape, output.type
    output.replace_all_uses_with(result, replace_graph_outputs=True)
    gather.replace_input_with(0, output)
    output.shape = ir.Shape([rank])
    node.append([gather])
    return True


def transpose(node: ir.Node, layouts: Layouts) -> bool:
    """A Transpose is only a change of names when it undoes, or makes, the channels-last order."""
    data, output = node.inputs[0], node.outputs[0]
    rank = layouts.rank(data)
    if data is None or rank is None or rank < 3:
        return False
    perm = tuple(node.attributes.get_ints("perm") or reversed(range(rank)))
    if not layouts.is_last(data):
        if perm != first_order(rank):
            return False
        _become_identity(node)
        layouts.mark_last(output)
        return True
    physical = [first_order(rank)[axis] for axis in perm]  # output first, read from physical input
    if physical == list(range(rank)):
        _become_identity(node)
    elif [physical[axis] for axis in last_order(rank)] == list(range(rank)):
        _become_identity(node)
        layouts.mark_last(output)
    else:
        node.attributes["perm"] = ir.AttrInt64s("perm", physical)
    return True


def reshape(node: ir.Node, layouts: Layouts) -> bool:
    """[N, C, spatial…] → [N, C, all spatial]: the same merge, with the channels behind."""
    data, output = node.inputs[0], node.outputs[0]
    if data is None or not layouts.is_last(data):
        return False
    source, target = layouts.logical_shape(data), output.shape
    if source is None or target is None:
        return False
    if node.op_type == "Flatten" and node.attributes.get_int("axis", 1) not in (0, 1):
        return False
    if all(dim == 1 for dim in source[2:]) or source[1] == 1:
        # Either order is the same in memory: reshape the physical tensor directly, unless the
        # target copies dimensions by position (0).
        sizes = node.inputs[1] if node.op_type == "Reshape" else None
        return sizes is None or (sizes.const_value is not None and _copies_only_batch(sizes))
    if node.op_type != "Reshape" or len(target) != 3 or len(source) < 4:
        return False
    if not (_same(target[0], source[0]) and isinstance(source[1], int) and target[1] == source[1]):
        return False
    sizes = layouts.constant(np.array([0, -1, source[1]], dtype=np.int64), f"{node.name}_shape")
    node.replace_input_with(1, sizes)
    node.attributes["allowzero"] = ir.AttrInt64("allowzero", 0)
    return _mark_outputs(node, layouts, 3)


def _same(dim: int | ir.SymbolicDim, other: int | ir.SymbolicDim) -> bool:
    known = isinstance(dim, int) or dim.value is not None
    return known and dim == other


def _spatial_rank(node: ir.Node, layouts: Layouts) -> int | None:
    """From the data, or, where inference lost it, from the weights or the kernel."""
    rank = layouts.rank(node.inputs[0])
    if rank is None and node.op_type in ("Conv", "ConvTranspose"):
        rank = layouts.rank(node.inputs[1])
    if rank is None and "kernel_shape" in node.attributes:
        rank = len(node.attributes.get_ints("kernel_shape") or ()) + 2
    return rank


def _copies_only_batch(sizes: ir.Value) -> bool:
    assert sizes.const_value is not None
    return all(size != 0 for size in sizes.const_value.numpy().tolist()[1:])


def _become_identity(node: ir.Node) -> None:
    node.op_type = "Identity"
    node.attributes.clear()


def _mark_outputs(node: ir.Node, layouts: Layouts, rank: int) -> bool:
    for output in node.outputs:
        if output.shape is None:
            output.shape = ir.Shape([None] * rank)
        layouts.mark_last(output)
    return True


def _constant_axes(node: ir.Node, index: int) -> list[int] | None:
    if len(node.inputs) <= index:
        return None
    value = node.inputs[index]
    if value is None or value.const_value is None:
        return None
    return [int(axis) for axis in value.const_value.numpy().reshape(-1)]


def _order_survives(rank: int, removed: list[int]) -> bool:
    """Do the axes left over stand in ONNX's order after removing these physical ones?"""
    kept = [last_order(rank)[axis] for axis in range(rank) if axis not in removed]
    return kept == sorted(kept)


def _all(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


RULES: dict[str, Rule] = {
    **_all(
        spatial,
        "Conv ConvTranspose MaxPool AveragePool LpPool GlobalMaxPool "
        "GlobalAveragePool GlobalLpPool BatchNormalization InstanceNormalization GroupNormalization "
        "LRN DepthToSpace SpaceToDepth",
    ),
    "Resize": resize,
    **_all(
        elementwise,
        "Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr "
        "BitwiseXor Cast Ceil Celu Clip Cos Cosh Div Elu Equal Erf Exp Floor Gelu Greater "
        "GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log "
        "Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid "
        "Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor",
    ),
    "Concat": along_axis(1),
    "Hardmax": along_axis(-1),
    "LogSoftmax": along_axis(-1),
    "Softmax": along_axis(-1),
    "Split": along_axis(0),
    **_all(
        reduction,
        "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd "
        "ReduceSum ReduceSumSquare",
    ),
    "Expand": per_axis_vector,
    "Flatten": reshape,
    "Pad": pad,
    "Reshape": reshape,
    "Shape": shape,
    "Slice": slice_,
    "Squeeze": squeeze,
    "Tile": per_axis_vector,
    "Transpose": transpose,
}
