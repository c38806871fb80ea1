"""One operation of a program, as its converter sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from interop.converters.jax.exports.tensors import Dim, Tensor, array_of, dtype_of, sizes_of
from interop.converters.jax.exports.writing import Writer
from jax.extend.mlir.dialects import stablehlo as hlo

if TYPE_CHECKING:
    from interop.converters.jax.exports.walk import Frame


class Op:
    """An operation, what its operands are, and the writer to write it with."""

    def __init__(self, operation: Any, operands: Sequence[Tensor], frame: Frame) -> None:
        self.operation, self.operands, self.frame = operation, list(operands), frame
        self.w: Writer = frame.writer
        self.name: str = operation.name.removeprefix("stablehlo.")
        self.results = list(operation.results)

    @property
    def dtype(self) -> str:
        """Of the first result."""
        return dtype_of(self.results[0].type)

    @property
    def sizes(self) -> tuple[Dim, ...]:
        """The first result's, as far as its type says them."""
        return sizes_of(self.results[0].type)

    def names(self) -> list[str]:
        """All operands as ordinary tensors."""
        return [self.w.full(value) for value in self.operands]

    def made(self, name: str, sizes: Sequence[Dim] | None = None, index: int = 0) -> Tensor:
        """A result, which `name` holds."""
        kind = self.results[index].type
        return Tensor(name, dtype_of(kind), merged(sizes_of(kind), sizes))

    # Attributes

    def has(self, name: str) -> bool:
        return name in self.operation.attributes

    def number(self, name: str, default: int = 0) -> int:
        return int(self.operation.attributes[name].value) if self.has(name) else default

    def integers(self, name: str, default: Sequence[int] = ()) -> list[int]:
        if not self.has(name):
            return list(default)
        found = self.operation.attributes[name]
        return [int(one) for one in found]

    def array(self, name: str, shape: Sequence[int]) -> np.ndarray:
        """A dense attribute in its shape; zeros where it is left out."""
        if not self.has(name):
            return np.zeros(shape, np.int64)
        return np.broadcast_to(array_of(self.operation.attributes[name]), shape)

    # Regions and functions

    def block(self, index: int) -> Any:
        return self.operation.regions[index].blocks[0]

    def call(self, function: str, operands: Sequence[Tensor]) -> list[Tensor]:
        """A function of the program, written in place."""
        return self.frame.call(function, operands)


def merged(first: Sequence[Dim], second: Sequence[Dim] | None) -> tuple[Dim, ...]:
    """Sizes that two sources know of one value. The second knows its axes: the body of a reduction,
    which is said of single numbers, may be written for whole tensors."""
    if second is None:
        return tuple(first)
    if len(first) != len(second):
        return tuple(second)
    return tuple(b if a is None else a for a, b in zip(first, second, strict=True))


def direction_of(operation: Any) -> str:
    """EQ, NE, GE, GT, LE or LT, of a comparison."""
    attribute = operation.attributes["comparison_direction"]
    return str(hlo.ComparisonDirectionAttr(attribute).value)
