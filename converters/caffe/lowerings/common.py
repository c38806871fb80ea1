"""What lowerings share. Each takes the network that it adds layers to, the node, and its inputs.

Caffe has one dtype, float32. The batch, axis 0 of what is computed, may be open; all else is known.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from itertools import pairwise
from typing import Any

import numpy as np
from interop.converters.caffe.building import Net

from interop.source.values import Constant, Refusal, Value

Lowering = Callable[..., Any]
Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Node:
    """What a lowering may ask of its node beside inputs and attributes: the shapes of its results."""

    shapes: tuple[Shape | None, ...]

    @property
    def shape(self) -> Shape:
        """That of the first result."""
        return self.shape_of(0)

    def shape_of(self, index: int) -> Shape:
        shape = self.shapes[index]
        if shape is None or None in shape[1:]:
            raise Refusal("Caffe needs every size of its result, but for the batch")
        return shape


def checked(lowering: Lowering) -> Lowering:
    """The lowering, for what is computed in float32."""

    @wraps(lowering)
    def only_floats(net: Net, node: Node, *inputs: Value | None, **keywords: Any) -> Any:
        for value in inputs:
            if value is not None and value.constant is None and value.dtype != "float32":
                raise Refusal(f"Caffe computes in float32, '{value.name}' is {value.dtype}")
        return lowering(net, node, *inputs, **keywords)

    only_floats.__signature__ = inspect.signature(lowering)  # type: ignore[attr-defined]
    return only_floats


def sizes(x: Value) -> Shape:
    """The shape; a Refusal where more than the batch is open."""
    if x.shape is None or None in x.shape[1:]:
        raise Refusal(f"Caffe needs every size of '{x.name}', but for the batch")
    return x.shape


def known(x: Value, axis: int) -> int:
    size = sizes(x)[axis]
    if size is None:
        raise Refusal(f"it works along the batch of '{x.name}'")
    return size


def weight(value: Value, array: np.ndarray | None = None, form: str = "") -> Value:
    """A constant as a blob of float32; in another form, where `array` is given."""
    if not isinstance(value, Constant):
        raise Refusal(f"'{value.name}' must be constant: Caffe keeps it as a weight")
    held = value.constant if array is None else array
    if held.dtype.kind != "f":
        raise Refusal(f"'{value.name}' is {held.dtype}")
    return value.stored(held.astype(np.float32), form)


def number(value: Value) -> float | None:
    """The constant's only entry, if it is one of a rank that nothing is broadcast by."""
    array = value.constant
    if array is None or array.size != 1:
        return None
    return float(array.reshape(-1)[0])


def shaped(net: Net, x: Value, shape: Sequence[int | None]) -> Value:
    """`x` in that shape, of which one size may be open."""
    shape = tuple(shape)
    if x.shape == shape:
        return x
    dims = []
    for axis, size in enumerate(shape):
        kept = (
            size is None and x.shape is not None and axis < len(x.shape) and x.shape[axis] is None
        )
        dims.append(0 if kept else -1 if size is None else size)
    if dims.count(-1) > 1 or shape.count(None) > 1:
        raise Refusal("several sizes of its result are open")
    return net.add("Reshape", [x], shape, shape={"dim": dims} if dims else {})


def power(net: Net, x: Value, **fields: float) -> Value:
    """(shift + scale · x) ^ power; `x` itself where that is all."""
    plain = {"scale": 1.0, "shift": 0.0, "power": 1.0}
    given = {name: value for name, value in fields.items() if value != plain[name]}
    return net.add("Power", [x], None, **given) if given else x


def part(net: Net, x: Value, axis: int, start: int, end: int) -> Value:
    """Entries `start` to `end` along an axis."""
    size = known(x, axis)
    if (start, end) == (0, size):
        return x
    points = [point for point in (start, end) if 0 < point < size]
    edges = [0, *points, size]
    shapes = [
        tuple(right - left if a == axis else s for a, s in enumerate(sizes(x)))
        for left, right in pairwise(edges)
    ]
    return net.several("Slice", [x], shapes, axis=axis, slice_point=points)[edges.index(start)]


def layer(kind: str) -> Lowering:
    """The operator is this layer of one tensor."""

    def lowering(net: Net, node: Node, x: Value) -> Value:
        return net.add(kind, [x], None)

    return lowering
