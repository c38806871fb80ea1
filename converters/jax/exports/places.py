"""Where the windows of a gather or scatter are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from interop.converters.jax.exports.shape import only
from interop.converters.jax.exports.tensors import Size, Tensor
from interop.converters.jax.exports.writing import Writer


@dataclass(frozen=True)
class Places:
    """Starts of windows.

    indices: [batch…, along its vector axis the starts]. axes: of the operand, one a start. paired: axes
    of the operand that go with axes of the batch, (operand's, batch's). extents: of a window, by axis.
    """

    w: Writer
    indices: Tensor
    vector: int
    axes: list[int]
    paired: list[tuple[int, int]]
    extents: list[int | Size]

    @property
    def batch(self) -> list[int]:
        """Axes of `indices` that are not the vector's."""
        return [axis for axis in range(self.indices.rank) if axis != self.vector]

    def starts(self) -> list[str]:
        """Per axis of `axes`, the starts as an int64 tensor [batch…]."""
        w, x = self.w, self.indices
        if self.vector == x.rank:
            return [w.cast(w.full(x), x.dtype, "int64")]
        last = len(self.batch)
        if len(self.axes) == 1:
            thin = x.thin if x.thin is not None else ()
            if x.thin is None or set(thin) == set(self.batch):
                return [w.cast(only(w, x, self.batch), x.dtype, "int64")]
        whole = w.cast(w.arranged(x, [*self.batch, self.vector]), x.dtype, "int64")
        return [
            w.once("Gather", whole, w.constant(number), axis=last)
            for number in range(len(self.axes))
        ]

    def known(self, number: int) -> np.ndarray | None:
        """The starts of one axis, where they are constants."""
        known = self.indices.known()
        if known is None:
            return None
        return known if self.vector == self.indices.rank else np.take(known, number, self.vector)

    def wide(self) -> list[int]:
        """Numbers of the axes in which a window has several entries."""
        return [number for number, axis in enumerate(self.axes) if self.extents[axis] != 1]

    def entries(self, starts: Sequence[str]) -> str:
        """[batch…, windows' axes…, axes]: the place of every entry of every window."""
        w, wide, depth = self.w, self.wide(), len(self.batch)
        columns = []
        for number, start in enumerate(starts):
            if wide:
                start = w.once(
                    "Unsqueeze", start, w.constant([depth + i for i in range(len(wide))])
                )
            if number in wide:
                behind = len(wide) - 1 - wide.index(number)
                along = w.counted(self.extents[self.axes[number]], behind)
                start = w.once("Add", start, along)
            columns.append(start)
        if len(columns) == 1:
            return w.once("Unsqueeze", columns[0], w.constant([-1]))
        dims = [w.dim(self.indices, axis) for axis in self.batch]
        shape = w.vector([*dims, *(self.extents[self.axes[number]] for number in wide)])
        spread = [w.once("Expand", column, shape) for column in columns] if wide else columns
        return w.once(
            "Concat", *(w.once("Unsqueeze", one, w.constant([-1])) for one in spread), axis=-1
        )
