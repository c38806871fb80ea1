"""The reference values of a graph: what each unit is fed with, whatever the candidate made of it.

Each unit is evaluated in float64 from the rounded results of those before it, and its result is
rounded to the model's own type: what a machine would hold that rounds correctly after every node.
So a unit's true outputs are those of exactly the values that it is fed. One unit is evaluated at a
time, and its values lie on disk, memory-mapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from interop.bisect.candidate import Array
from interop.bisect.measure import true_values, typed
from interop.bisect.units import Pair, Unit
from interop.workers.tensors import read_tensors, write_tensors


class References:
    """Reference values by name, made in order as far as they are asked for."""

    def __init__(self, pair: Pair, inputs: Mapping[str, Array], folder: Path) -> None:
        self._pair, self._folder = pair, folder
        self._values: dict[str, Array] = dict(inputs)
        self._made = 0

    def __getitem__(self, name: str) -> Array:
        return self._values[name]

    def feeds(self, names: tuple[str, ...], given: str = "") -> dict[str, Array]:
        """The values of `names`, under their names with `given` behind them."""
        return {name + given: self._values[name] for name in names}

    def reach(self, count: int) -> None:
        """Make the values of the first `count` units."""
        while self._made < count:
            self.advance()

    def advance(self) -> dict[str, Array]:
        """Make the values of the next unit; returns its true outputs, in float64."""
        unit = self._pair.units[self._made]
        truth = self._truth(unit)
        rounded = {name: self._round(name, array) for name, array in truth.items()}
        folder = self._folder / str(self._made)
        write_tensors(folder, rounded)
        self._values.update(read_tensors(folder))
        self._made += 1
        return truth

    def again(self, count: int) -> dict[str, Array]:
        """The true outputs of unit number `count`, which has been made before."""
        return self._truth(self._pair.units[count])

    @property
    def made(self) -> int:
        """How many units have their values."""
        return self._made

    def _truth(self, unit: Unit) -> dict[str, Array]:
        feeds = self.feeds(unit.reference.inputs)
        return true_values(typed(self._pair.reference.build(unit.reference), feeds), feeds)

    def _round(self, name: str, array: Array) -> Array:
        dtype = self._pair.reference.dtype(name)
        if dtype is None:  # widened by the evaluation, if it is a float
            dtype = np.dtype(np.float32 if array.dtype == np.float64 else array.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            return array.astype(dtype)
