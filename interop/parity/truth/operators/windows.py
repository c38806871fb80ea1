"""Sliding windows over the spatial axes: padding, output sizes and taps, as the ONNX spec has them.

Convolutions and pools differ only in what they do with a window, so the geometry is here once.
A *tap* is one offset inside the window; `tap` gives the strided view of the input that every
window sees at that offset, which turns a window operation into a few whole-array operations.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Geometry:
    """One entry per spatial axis. `begin` and `end` are the pads the spec counts as padding;
    `spare` is what ceil_mode lets the last window reach beyond them."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]
    out: tuple[int, ...]
    spare: tuple[int, ...]

    def pad(self, x: Array, value: float) -> Array:
        """`x` (N, C, spatial...) with pads and spare filled by `value`."""
        tails = [e + s for e, s in zip(self.end, self.spare, strict=True)]
        if not any(self.begin) and not any(tails):
            return x
        widths = [(0, 0), (0, 0), *zip(self.begin, tails, strict=True)]
        return np.pad(x, widths, constant_values=value)

    def taps(self) -> Iterator[tuple[int, ...]]:
        return itertools.product(*map(range, self.kernel))

    def tap(self, padded: Array, offset: Sequence[int]) -> Array:
        """What every window sees at `offset`: a view of shape (N, C, out...)."""
        where = [slice(None), slice(None)]
        for k, d, s, o in zip(offset, self.dilations, self.strides, self.out, strict=True):
            where.append(slice(k * d, k * d + (o - 1) * s + 1, s))
        return padded[tuple(where)]

    def count(self, size: Sequence[int], *, include_pad: bool) -> Array:
        """How many elements each window holds (out...): inside the input, or inside input and
        pads; never the spare that ceil_mode adds."""
        total = np.ones((), dtype=np.int64)
        for axis, n in enumerate(size):
            starts = np.arange(self.out[axis]) * self.strides[axis]
            cells = starts[:, None] + np.arange(self.kernel[axis]) * self.dilations[axis]
            low = 0 if include_pad else self.begin[axis]
            high = n + self.begin[axis] + (self.end[axis] if include_pad else 0)
            total = np.multiply.outer(total, ((cells >= low) & (cells < high)).sum(axis=1))
        return total


def same_pads(size: int, out: int, stride: int, reach: int, lower: bool) -> tuple[int, int]:
    """Pads of auto_pad SAME: the odd one goes to the end for UPPER, to the begin for LOWER."""
    needed = max(0, (out - 1) * stride + reach - size)
    small, large = needed // 2, needed - needed // 2
    return (large, small) if lower else (small, large)


def geometry(
    size: Sequence[int],
    kernel: Sequence[int],
    *,
    auto_pad: str | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    dilations: Sequence[int] | None = None,
    ceil_mode: int | None = 0,
) -> Geometry:
    """Resolve the attributes of Conv and of the pools against an input of spatial `size`."""
    rank = len(size)
    strides = list(strides or [1] * rank)
    dilations = list(dilations or [1] * rank)
    pads = list(pads or [0] * 2 * rank)
    auto_pad = auto_pad or "NOTSET"
    begin, end, out, spare = [], [], [], []
    for i in range(rank):
        reach = (kernel[i] - 1) * dilations[i] + 1
        if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            o = -(-size[i] // strides[i])
            b, e = same_pads(size[i], o, strides[i], reach, auto_pad == "SAME_LOWER")
        else:
            b, e = (0, 0) if auto_pad == "VALID" else (pads[i], pads[i + rank])
            room = size[i] + b + e - reach
            o = (-(-room // strides[i]) if ceil_mode else room // strides[i]) + 1
            if ceil_mode and (o - 1) * strides[i] >= size[i] + b:
                o -= 1  # the last window must start inside the input or its begin pad
        begin.append(b)
        end.append(e)
        out.append(o)
        spare.append(max(0, (o - 1) * strides[i] + reach - (size[i] + b + e)))
    return Geometry(
        tuple(kernel), tuple(strides), tuple(dilations),
        tuple(begin), tuple(end), tuple(out), tuple(spare),
    )  # fmt: skip
