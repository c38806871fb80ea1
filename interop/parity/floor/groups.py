"""Groups of an output's elements, so that a fault in a corner is not drowned by the rest.

A wrong batch row, a wrong channel, or one small-valued column beside a large-valued one vanish in
the rms of a whole tensor. So errors are summed up over the whole, over every index of every axis
(a batch row, a channel, a line of an image, in whatever layout), and over bands of equal
magnitude of the true value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SMALLEST_GROUP = 4  # fewer elements than this say too little on their own
BANDS = 8
SMALLEST_BAND = 32


@dataclass(frozen=True)
class Sums:
    """Mean square and largest magnitude of each group of one grouping."""

    mean_square: Array
    peak: Array


@dataclass(frozen=True)
class Grouping:
    """One way to divide the elements of an output of a given shape."""

    name: str
    sums: Callable[[Array], Sums]

    def place(self, index: int) -> str:
        """Where group `index` is, in words."""
        return self.name if self.name == "whole" else f"{self.name} {index}"


def groupings(truth: Array) -> tuple[Grouping, ...]:
    """The whole, each axis, and bands of magnitude, of an output with this true value."""
    found = [Grouping("whole", lambda a: _rows(a.reshape(1, -1)))]
    for axis, length in enumerate(truth.shape):
        if truth.ndim > 1 and length > 1 and truth.size // length >= SMALLEST_GROUP:
            found.append(Grouping(f"axis {axis} index", _along(axis)))
    bands = min(BANDS, truth.size // SMALLEST_BAND)
    if bands > 1:
        order = np.argsort(np.abs(truth), axis=None, kind="stable")
        found.append(Grouping("magnitude band", _ranked(order, bands)))
    return tuple(found)


def _rows(groups: Array) -> Sums:
    return Sums(np.mean(np.square(groups), axis=1), np.max(np.abs(groups), axis=1))


def _along(axis: int) -> Callable[[Array], Sums]:
    return lambda a: _rows(np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1))


def _ranked(order: Array, bands: int) -> Callable[[Array], Sums]:
    starts = np.arange(bands) * order.size // bands
    counts = np.diff(np.append(starts, order.size))

    def sums(values: Array) -> Sums:
        sorted_ = values.reshape(-1)[order]
        squares = np.add.reduceat(np.square(sorted_), starts)
        return Sums(squares / counts, np.maximum.reduceat(np.abs(sorted_), starts))

    return sums
