"""Reading a graph backwards: what made a value, and which number it is; and writing what is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, count

import numpy as np
import onnx_ir as ir

Dims = list[int | str | None]

#: Operators that may move axes of size 1, and nothing else.
_ONES = ("Reshape", "Squeeze", "Unsqueeze")


def made_by(value: ir.Value | None, *kinds: str) -> ir.Node | None:
    """The node that makes `value`, where it is one of those operators of the standard."""
    node = None if value is None else value.producer()
    return node if node is not None and node.domain == "" and node.op_type in kinds else None


def given(node: ir.Node, index: int) -> ir.Value | None:
    return node.inputs[index] if index < len(node.inputs) else None


def number(value: ir.Value | None, axes: int = 0) -> float | None:
    """The constant that `value` is, without axes or with so many of size 1: what has that many itself
    keeps its shape beside it."""
    constant = None if value is None else value.const_value
    if constant is None or constant.size != 1 or len(constant.shape) > axes:
        return None
    return float(constant.numpy().item())


def is_of(value: ir.Value | None, *kinds: ir.DataType) -> bool:
    """Whether it has one of those dtypes."""
    return value is not None and value.dtype in kinds


def integers(value: ir.Value | None) -> list[int] | None:
    """The entries of a constant vector of integers."""
    constant = None if value is None else value.const_value
    if constant is None or constant.size > 64 or constant.numpy().dtype.kind not in "iu":
        return None
    return [int(one) for one in constant.numpy().reshape(-1)]


def dims(value: ir.Value | None) -> Dims | None:
    """Numbers, names of open sizes, and None for what is not known; None without a rank."""
    if value is None or value.shape is None:
        return None
    return [dim if isinstance(dim, int) else dim.value for dim in value.shape]


def known_dims(value: ir.Value | None) -> Dims | None:
    """The same, where every size is a number or has a name."""
    found = dims(value)
    return None if found is None or None in found else found


def with_number(node: ir.Node) -> Iterator[tuple[float, ir.Value]]:
    """(c, x) of a node of two inputs that commute and of which one is the number c."""
    for constant, other in ((0, 1), (1, 0)):
        found, value = number(given(node, constant)), given(node, other)
        if found is not None and value is not None:
            yield found, value


def reduced_axes(node: ir.Node) -> list[int] | None:
    """The axes over which a reduction goes, counted from the first; None where that is open."""
    data = dims(node.inputs[0])
    if data is None:
        return None
    axes = integers(given(node, 1))
    if axes is None:
        left_out = given(node, 1) is None and not node.attributes.get_int("noop_with_empty_axes", 0)
        return list(range(len(data))) if left_out else None
    return sorted(axis % len(data) for axis in axes) if axes else None


def without_ones(value: ir.Value | None) -> ir.Value | None:
    """The value that `value` is but for axes of size 1 that came or went."""
    node = made_by(value, *_ONES)
    while node is not None and _moves_ones(node):
        value, node = node.inputs[0], made_by(node.inputs[0], *_ONES)
    return value


def _moves_ones(node: ir.Node) -> bool:
    if node.op_type != "Reshape":
        return True
    before, after = known_dims(node.inputs[0]), known_dims(node.outputs[0])
    if before is None or after is None:
        return False
    return [dim for dim in before if dim != 1] == [dim for dim in after if dim != 1]


def is_spread(value: ir.Value | None, like: ir.Value, axes: Sequence[int]) -> bool:
    """Whether `value` has one entry along those axes, and for the rest the sizes of `like`."""
    whole, got = dims(like), dims(value)
    if whole is None or got is None or len(whole) != len(got):
        return False
    return all(
        size == 1 if axis in axes else size is not None and size == whole[axis]
        for axis, size in enumerate(got)
    )


def constant(model: ir.Model, name: str, array: np.ndarray) -> ir.Value:
    """A new constant of the model, called so if nothing is yet."""
    taken = model.graph.initializers
    name = next(n for n in chain([name], map(f"{name}_{{}}".format, count(2))) if n not in taken)
    value = ir.Value(
        name=name,
        shape=ir.Shape(array.shape),
        type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
        const_value=ir.tensor(array),
    )
    model.graph.register_initializer(value)
    return value


def become(
    node: ir.Node, op_type: str, inputs: Sequence[ir.Value | None], **attributes: int | float
) -> None:
    """Let `node` compute something else; its result keeps its name and its place."""
    node.op_type, node.domain = op_type, ""
    node.attributes.clear()
    for name, value in attributes.items():
        node.attributes[name] = (
            ir.AttrInt64(name, value) if isinstance(value, int) else ir.AttrFloat32(name, value)
        )
    node.resize_inputs(len(inputs))
    for index, value_ in enumerate(inputs):
        node.replace_input_with(index, value_)


def before(
    node: ir.Node, op_type: str, inputs: Sequence[ir.Value | None], shape: Dims | None,
    suffix: str, **attributes: ir.Attr,
) -> ir.Value:  # fmt: skip
    """The result of a new node in front of `node`, of the dtype of its first input."""
    new = ir.Node("", op_type, inputs, list(attributes.values()))
    out, first = new.outputs[0], inputs[0]
    assert first is not None
    assert node.graph is not None
    out.name = f"{node.outputs[0].name}/{suffix}"
    out.type, out.shape = first.type, None if shape is None else ir.Shape(shape)
    node.graph.insert_before(node, new)
    return out
