"""Writes ONNX nodes, and brings tensors into the form in which a node wants them."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from interop.converters.jax.exports.tensors import Dim, Refused, Size, Tensor

from interop.workers.onnx_file import Graph, dtype_number

_INT64 = dtype_number("int64")


_ON_NUMBERS: dict[str, Callable[[int, int], int]] = {
    "Add": operator.add, "Sub": operator.sub, "Mul": operator.mul, "Max": max, "Min": min,
    "Div": operator.floordiv,
}  # fmt: skip


class Writer:
    """Writes into `graph`; what it has made once, it gives again."""

    def __init__(
        self,
        graph: Graph,
        made: dict[Hashable, str] | None = None,
        single: dict[str, np.ndarray] | None = None,
        names: Mapping[bytes, str] | None = None,
    ) -> None:
        """names: of constants, by their `digest`."""
        self.graph, self._names = graph, names or {}
        self._made = {} if made is None else made
        self._single = {} if single is None else single  # constants of one entry

    def nested(self) -> Writer:
        """Writes a body, which sees what was written before it."""
        return Writer(self.graph.body(), dict(self._made), self._single, self._names)

    # Nodes

    def node(self, kind: str, *inputs: str, **attributes: Any) -> Any:
        """The name (with `count`, the names) of a new node's results."""
        return self.graph.node(kind, list(inputs), **attributes)

    def once(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The same, but the same node is written once only."""
        options = tuple(
            (key, tuple(value) if isinstance(value, list) else value)
            for key, value in sorted(attributes.items())
        )
        key = (kind, inputs, options)
        if key not in self._made:
            self._made[key] = self.node(kind, *inputs, **attributes)
        return self._made[key]

    def constant(self, value: Any, dtype: str = "int64", name: str = "constant") -> str:
        array = np.asarray(value, dtype)
        if array.size > 1 and self._names:
            name = self._names.get(digest(array), name)
        if array.size > 16:
            return self.graph.constant(array, name)
        key = ("constant", dtype, array.shape, array.tobytes())
        if key not in self._made:
            self._made[key] = self.graph.constant(array, name)
            if array.size == 1:
                self._single[self._made[key]] = array
        return self._made[key]

    def value_of(self, x: Tensor) -> Any:
        """The one number that it holds, where that is a constant; else None."""
        known = x.known()
        if known is not None and known.size == 1:
            return known.item()
        found = self._single.get(x.name)
        return None if found is None else found.item()

    def cast(self, name: str, before: str, after: str) -> str:
        return name if before == after else self.once("Cast", name, to=number(after))

    # Sizes

    def size(self, kind: str, a: int | Size, b: int | Size) -> int | Size:
        """The size that an operator gives for two of them."""
        if isinstance(a, int) and isinstance(b, int):
            return _ON_NUMBERS[kind](a, b)
        key = (kind, *(one.key if isinstance(one, Size) else one for one in (a, b)))
        return Size(self.once(kind, self.scalar(a), self.scalar(b)), key)

    def plus(self, a: int | Size, number: int) -> int | Size:
        """A size and so many more."""
        if isinstance(a, int):
            return a + number
        base, total = a.base or a, a.plus + number
        if total == 0:
            return base
        key = ("Add", base.key, total)
        name = self.once("Add", base.name, self.constant(total))
        least = None if base.least is None else base.least + total
        below = None if base.below is None else self.plus(base.below, total)
        return Size(name, key, least, below, base, total)

    def counted(self, size: int | Size, behind: int) -> str:
        """0, 1 and on along an axis, with so many axes of size 1 behind it."""
        along = self.once("Range", self.constant(0), self.scalar(size), self.constant(1))
        if not behind:
            return along
        return self.once("Unsqueeze", along, self.constant(list(range(1, behind + 1))))

    def scalar(self, size: int | Size) -> str:
        """A size as an int64 without axes."""
        return size.name if isinstance(size, Size) else self.constant(size)

    def vector(self, sizes: Sequence[int | Size]) -> str:
        """Sizes as a vector of int64."""
        if not any(isinstance(size, Size) for size in sizes):
            return self.constant(list(sizes), "int64")
        zero = self.constant([0])
        parts, run = [], []  # type: list[str], list[int]
        for size in [*sizes, None]:
            if isinstance(size, int):
                run.append(size)
                continue
            if run:
                parts.append(self.constant(run))
                run = []
            if size is not None:
                parts.append(self.once("Unsqueeze", size.name, zero))
        return parts[0] if len(parts) == 1 else self.once("Concat", *parts, axis=0)

    def dim(self, x: Tensor, axis: int) -> int | Size:
        """The size of a value along an axis; asked of the value itself where nothing is known."""
        size = x.sizes[axis]
        if size is not None:
            return size
        place = axis if x.order is None else x.order[axis]
        shape = self.once("Shape", x.name, start=place, end=place + 1)
        scalar = self.once("Squeeze", shape, self.constant([0]))
        return Size(scalar, ("dim", x.name, place), 0)

    def dims(self, x: Tensor) -> list[int | Size]:
        return [self.dim(x, axis) for axis in range(x.rank)]

    # Values

    def held(self, x: Tensor) -> str:
        """What its `name` holds; integers that are followed are written here, when they are needed."""
        if x.numbers is None:
            return x.name
        known = x.known()
        if known is not None:
            return self.constant(known, x.dtype)
        if x.numbers.size == 1 and x.numbers.ndim == 0:
            return self.cast(self.scalar(x.numbers.item()), "int64", x.dtype)
        flat = self.vector([_plain(one) for one in x.numbers.flat])
        if x.numbers.ndim > 1:
            flat = self.once("Reshape", flat, self.constant(x.numbers.shape))
        return self.cast(flat, "int64", x.dtype)

    def full(self, x: Tensor) -> str:
        """The value itself, as an ordinary tensor."""
        return self.arranged(x, range(x.rank))

    def arranged(self, x: Tensor, axes: Sequence[int]) -> str:
        """The value with its axes in that order."""
        axes = list(axes)
        if x.thin is not None:
            return self._transposed(self._spread(x), axes)
        own = range(x.rank) if x.order is None else x.order
        return self._transposed(self.held(x), [own[axis] for axis in axes])

    def _spread(self, x: Tensor) -> str:
        assert x.thin is not None
        if any(size != 1 for axis, size in enumerate(x.sizes) if axis not in x.thin):
            return self.once("Expand", self.held(x), self.vector(self.dims(x)))
        missing = list(range(x.thin[0] if x.thin else x.rank))
        return (
            self.once("Unsqueeze", self.held(x), self.constant(missing))
            if missing
            else self.held(x)
        )

    def _transposed(self, name: str, axes: list[int]) -> str:
        return name if axes == sorted(axes) else self.once("Transpose", name, perm=axes)

    def together(
        self, values: Sequence[Tensor]
    ) -> tuple[list[str], tuple[int, ...] | None, tuple[int, ...] | None]:
        """Names of values of one shape, for a node that broadcasts; with the order and thinness of
        its result. Values without axes go with any shape.
        """
        thick = [value for value in values if value.rank and value.thin is None]
        if not thick:
            thin = tuple(sorted({axis for value in values for axis in value.thin or ()}))
            ranked = any(value.rank for value in values)
            return [self.held(value) for value in values], None, thin if ranked else None
        order = thick[0].order
        return [self._in(value, order) for value in values], order, None

    def _in(self, x: Tensor, order: tuple[int, ...] | None) -> str:
        """The value as that order has it, thin if it is."""
        if x.thin is None:
            if x.order == order or not x.rank:
                return self.held(x)
            places = list(range(x.rank)) if order is None else list(order)
            return self.arranged(x, [places.index(axis) for axis in range(x.rank)])
        if order is None or not x.thin:
            return self.held(x)
        if len(x.thin) == 1:
            behind = x.rank - 1 - order[x.thin[0]]
            return self.once("Reshape", self.held(x), self.constant([-1, *[1] * behind]))
        lead = self.constant(list(range(x.thin[0])))
        whole = self.once("Unsqueeze", self.held(x), lead) if x.thin[0] else self.held(x)
        return self._transposed(whole, [order.index(axis) for axis in range(x.rank)])

    def sizes(self, values: Sequence[Tensor]) -> tuple[Dim, ...]:
        """What values of one shape say of it together."""
        ranked = [value.sizes for value in values if value.rank]
        return tuple(
            next((size for size in column if isinstance(size, int)),
                 next((size for size in column if size is not None), None))
            for column in zip(*ranked, strict=True)
        )  # fmt: skip

    def reshaped(self, name: str, sizes: Sequence[int | Size]) -> str:
        return self.once("Reshape", name, self.vector(sizes))


def number(dtype: str) -> int:
    """ONNX's number of a dtype."""
    try:
        return dtype_number(dtype)
    except KeyError:
        raise Refused(f"numbers of type {dtype}") from None


def _plain(one: Any) -> int | Size:
    return one if isinstance(one, Size) else int(one)


def digest(array: np.ndarray) -> bytes:
    """Of dtype, shape and numbers."""
    head = f"{array.dtype.name} {array.shape}".encode()
    return hashlib.sha256(head + array.tobytes()).digest()
