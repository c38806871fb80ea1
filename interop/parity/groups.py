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
    """One way to divide the elements: `arrange` gives them as (groups, elements of a group)."""

    name: str
    arrange: Callable[[Array], list[Array]]

    def sums(self, values: Array) -> Sums:
        rows = self.arrange(values)
        return Sums(
            np.array([np.mean(np.square(row)) for row in rows]),
            np.array([np.max(np.abs(row)) for row in rows]),
        )

    def place(self, index: int) -> str:
        """Where group `index` is, in words."""
        return self.name if self.name == "whole" else f"{self.name} {index}"


def groupings(truth: Array) -> tuple[Grouping, ...]:
    """The whole, each axis, and bands of magnitude, of an output with this true value."""
    found = [Grouping("whole", lambda a: [a.reshape(-1)])]
    for axis, length in enumerate(truth.shape):
        if truth.ndim > 1 and length > 1 and truth.size // length >= SMALLEST_GROUP:
            found.append(Grouping(f"axis {axis} index", _along(axis)))
    bands = min(BANDS, truth.size // SMALLEST_BAND)
    if bands > 1:
        order = np.argsort(np.abs(truth), axis=None, kind="stable")
        found.append(Grouping("magnitude band", _ranked(order, bands)))
    return tuple(found)


def _along(axis: int) -> Callable[[Array], list[Array]]:
    return lambda a: list(np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1))


def _ranked(order: Array, bands: int) -> Callable[[Array], list[Array]]:
    return lambda a: np.array_split(a.reshape(-1)[order], bands)
