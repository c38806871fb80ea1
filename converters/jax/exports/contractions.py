"""Products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.tensors import Size, Tensor
from interop.converters.jax.exports.writing import Writer
from jax.extend.mlir.dialects import stablehlo as hlo


def dot_general(op: Op) -> Tensor:
    """Sums of products over the contracting axes, beside each other along the batching ones; of the
    result the batching axes come first, then what is left of either side (StableHLO, dot_general).
    """
    numbers = hlo.DotDimensionNumbers(op.operation.attributes["dot_dimension_numbers"])
    left, right = op.operands
    batch = list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)
    inner = list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)
    return _product(op, left, right, batch, inner)


def _product(op: Op, left: Tensor, right: Tensor, batch: Any, inner: Any) -> Tensor:
    w = op.w
    free = [
        [axis for axis in range(x.rank) if axis not in (*batch[side], *inner[side])]
        for side, x in enumerate((left, right))
    ]
    sizes = [
        *(left.sizes[axis] for axis in (*batch[0], *free[0])),
        *(right.sizes[axis] for axis in free[1]),
    ]
    a, b = _Side(left, batch[0], free[0], inner[0]), _Side(right, batch[1], free[1], inner[1])
    # A matrix on the right is multiplied by whatever has its last axis; so is a vector.
    loose = not batch[0] and len(inner[0]) == 1 and len(free[1]) <= 1
    if loose and len(free[0]) != 0:
        names = [a.rows(w), b.columns(w)]
    else:
        names = [a.merged(w, last=True), b.merged(w, last=False)]
    names = [
        w.cast(name, x.dtype, _computed(op)) for name, x in zip(names, (left, right), strict=True)
    ]
    name = w.cast(w.once("MatMul", *names), _computed(op), op.dtype)
    if loose and len(free[0]) != 0:
        return op.made(name, sizes)
    if len(free[0]) == len(free[1]) == 1:
        return op.made(name, sizes)
    whole = [w.dim(left, axis) for axis in (*batch[0], *free[0])]
    whole += [w.dim(right, axis) for axis in free[1]]
    return op.made(w.reshaped(name, whole), sizes)


def _computed(op: Op) -> str:
    """The type in which ONNX adds up: none for whole numbers below 32 bits."""
    return {"int8": "int32", "uint8": "int32", "int16": "int32", "uint16": "int32",
            "bool": "int32"}.get(op.dtype, op.dtype)  # fmt: skip


class _Side:
    """One operand of a product."""

    def __init__(self, x: Tensor, batch: list[int], free: list[int], inner: list[int]) -> None:
        self.x, self.batch, self.free, self.inner = x, batch, free, inner

    def rows(self, w: Writer) -> str:
        """[free…, contracting]"""
        return w.arranged(self.x, [*self.free, *self.inner])

    def columns(self, w: Writer) -> str:
        """[contracting, free], or [contracting]"""
        return w.arranged(self.x, [*self.inner, *self.free])

    def merged(self, w: Writer, *, last: bool) -> str:
        """[batch…, free, contracting] or [batch…, contracting, free], several axes as one."""
        groups = [self.free, self.inner] if last else [self.inner, self.free]
        name = w.arranged(self.x, [*self.batch, *groups[0], *groups[1]])
        if all(len(group) == 1 for group in groups):
            return name
        lead = [w.dim(self.x, axis) for axis in self.batch]
        tail = [product(w, [w.dim(self.x, axis) for axis in group]) for group in groups]
        return w.reshaped(name, [*lead, *tail])


def product(w: Writer, sizes: Sequence[int | Size]) -> int | Size:
    total: int | Size = 1
    for size in sizes:
        if isinstance(total, int) and isinstance(size, int):
            total *= size
        elif total == 1:
            total = size
        elif size != 1:
            total = w.size("Mul", total, size)
    return total


CONTRACTIONS = {"dot_general": dot_general}
