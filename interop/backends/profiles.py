"""Which sizes an engine is built for: those of the inputs that it is going to be run on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray[Any, Any]]

#: From where on an input is no list of sizes any more (TensorRT's most dimensions).
_DIMENSIONS = 8


def profile(sets: Sequence[Arrays]) -> dict[str, dict[str, list[list[int]]]]:
    """By input, its lowest, most usual and highest sizes: `shapes`, dimension by dimension. The first
    of `sets` has the usual ones. `values` is the same of what lies in a short list of integers, which
    a model may take for sizes.
    """
    found = {}
    for name, first in sets[0].items() if sets else ():
        arrays = [one[name] for one in sets]
        spans = {"shapes": _span([array.shape for array in arrays])}
        if first.dtype.kind in "iu" and first.ndim <= 1 and first.size <= _DIMENSIONS:
            same = [array for array in arrays if array.shape == first.shape]
            spans["values"] = _span([array.reshape(-1) for array in same])
        found[name] = spans
    return found


def _span(rows: Sequence[Sequence[int] | np.ndarray[Any, Any]]) -> list[list[int]]:
    table = np.array([list(row) for row in rows], dtype=np.int64)
    return [table.min(axis=0).tolist(), table[0].tolist(), table.max(axis=0).tolist()]
