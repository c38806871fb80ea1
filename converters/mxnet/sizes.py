"""Sizes that are symbols in ONNX, said in MXNet's way; in place, before anything is lowered.

A symbol of MXNet knows no shapes. What it can say: keep a size of the data (`npx.reshape`'s code
-2), infer one (-1), or be shaped like another array. A dimension's name says which array has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

#: The domain of the nodes whose sizes come from other arrays.
DOMAIN = "interop.mxnet"

_SHAPED = frozenset({"ConstantOfShape", "Expand", "Range", "Reshape"})

#: Where a dimension's name is found: an array, and the axis along which it has that size.
Places = dict[str, tuple[ir.Value, int]]


def name_sizes(model: ir.Model) -> None:
    """Rewrite the nodes of `model` whose results have more than one size that is not a number."""
    places: Places = {}
    for value in model.graph.inputs:
        _note(value, places)
    for node in list(model.graph):
        if node.domain == "" and node.op_type in _SHAPED:
            _rewrite(node, places)
        for value in node.outputs:
            _note(value, places)


def _note(value: ir.Value, places: Places) -> None:
    for axis, dim in enumerate(value.shape or ()):
        if isinstance(dim, ir.SymbolicDim) and dim.value is not None:
            places.setdefault(dim.value, (value, axis))


def _rewrite(node: ir.Node, places: Places) -> None:
    shape = node.outputs[0].shape
    if shape is None or all(isinstance(dim, int) for dim in shape):
        return
    if node.op_type == "Reshape" and _by_codes(node, shape):
        return
    found: list[tuple[ir.Value, int]] = []
    for dim in shape:
        if isinstance(dim, int):
            continue
        if dim.value is None or dim.value not in places:
            return
        found.append(places[dim.value])
    wanted = {"Range": (0, 2), "ConstantOfShape": ()}.get(node.op_type, (0,))
    first = [node.inputs[index] for index in wanted]
    attributes = [a for a in node.attributes.values() if a.name == "value"]
    inputs = [*first, *(value for value, _ in found)]
    node.domain = DOMAIN
    node.attributes.clear()
    for attribute in attributes:
        node.attributes[attribute.name] = attribute
    dims = [dim if isinstance(dim, int) else -1 for dim in shape]
    node.attributes["dims"] = ir.AttrInt64s("dims", dims)
    node.attributes["axes"] = ir.AttrInt64s("axes", [axis for _, axis in found])
    node.resize_inputs(len(inputs))
    for index, value in enumerate(inputs):
        node.replace_input_with(index, value)


def _by_codes(node: ir.Node, shape: ir.Shape) -> bool:
    """Whether keeping sizes from the front or from the back, and inferring one, says the shape."""
    data = node.inputs[0]
    before = None if data is None or data.shape is None else list(data.shape)
    after = list(shape)
    for reverse in (0, 1):
        codes = _codes(before or [], after) if not reverse else _codes(
            list(reversed(before or [])), list(reversed(after))
        )  # fmt: skip
        if codes is not None:
            codes = codes[::-1] if reverse else codes
            node.attributes["codes"] = ir.AttrInt64s("codes", codes)
            node.attributes["reverse"] = ir.AttrInt64("reverse", reverse)
            node.attributes.pop("allowzero", None)
            return True
    return False


def _codes(
    before: Sequence[int | ir.SymbolicDim], after: Sequence[int | ir.SymbolicDim]
) -> list[int] | None:
    """A number, -2 for the size that stands at the same place before, and -1 once; else None."""
    codes: list[int] = []
    inferred = False
    for axis, dim in enumerate(after):
        if isinstance(dim, int):
            codes.append(dim)
        elif not inferred and axis < len(before) and _same(before[axis], dim):
            codes.append(-2)
        elif not inferred:
            codes.append(-1)
            inferred = True
        else:
            return None
    if 0 in codes and -1 in codes:
        return None
    return codes


def _same(one: int | ir.SymbolicDim, other: ir.SymbolicDim) -> bool:
    return isinstance(one, ir.SymbolicDim) and one.value is not None and one.value == other.value
