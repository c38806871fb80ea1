"""Sparse constants of TFLite, made whole.

The format is that of the schema's SparsityParameters: the dimensions of the tensor, then those of
blocks, in the order in which they are walked; each is dense, or compressed (the segment of a row says
which indices it has).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

_DENSE = 0


def densified(values: np.ndarray, shape: tuple[int, ...], sparsity: Any) -> np.ndarray:
    """The array of `shape` that holds `values` where `sparsity` says, and zeros elsewhere."""
    order = [int(axis) for axis in sparsity.traversalOrder]
    blocks = [] if sparsity.blockMap is None else [int(axis) for axis in sparsity.blockMap]
    sizes = {len(shape) + number: axis for number, axis in enumerate(blocks)}
    block = dict.fromkeys(range(len(shape)), 1)
    for place, axis in enumerate(order):
        if axis in sizes:
            block[sizes[axis]] = int(sparsity.dimMetadata[place].denseSize)
    result = np.zeros(shape, values.dtype)
    places = _places(list(sparsity.dimMetadata), 0, 0)
    for value, walked in zip(values, places, strict=False):
        index = [0] * len(shape)
        for axis, position in zip(order, walked, strict=True):
            if axis in sizes:
                index[sizes[axis]] += position
            else:
                index[axis] += position * block[axis]
        result[tuple(index)] = value
    return result


def _places(levels: list[Any], level: int, parent: int) -> Iterator[tuple[int, ...]]:
    """The positions along each level of all that is stored, in the order in which it is."""
    if level == len(levels):
        yield ()
        return
    found = levels[level]
    if found.format == _DENSE:
        size = int(found.denseSize)
        steps = [(position, parent * size + position) for position in range(size)]
    else:
        segments, indices = found.arraySegments.values, found.arrayIndices.values
        span = range(int(segments[parent]), int(segments[parent + 1]))
        steps = [(int(indices[place]), place) for place in span]
    for position, place in steps:
        for rest in _places(levels, level + 1, place):
            yield (position, *rest)
