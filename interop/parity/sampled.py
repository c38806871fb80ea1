"""A sample of the elements of all outputs on all sets of inputs, as one vector.

What is worked out from many runs keeps this much of each, so that memory does not grow with the
size of the outputs. The float elements that are finite in truth are drawn from evenly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MOST = 1 << 14  # elements of one output on one set

#: Half a unit in the last place of float32, relative.
HALF_UNIT = 2.0**-25


@dataclass(frozen=True)
class Sample:
    """`truth`: the true outputs, a mapping a set of inputs. `weight` is one over rounding's size,
    element by element of the vector; 0 where it is not known."""

    truth: Sequence[Mapping[str, Array]]
    weight: Array = field(default_factory=lambda: np.ones(()))

    def pick(self, index: int, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """The sampled elements of the outputs on set `index`, flat, in float64; nothing of an output
        whose shape is not the true one."""
        return {
            name: np.asarray(outputs[name]).reshape(-1)[_places(true.size)].astype(np.float64)
            for name, true in self._floats(index)
            if name in outputs and np.shape(outputs[name]) == true.shape
        }

    def error(self, picked: Mapping[int, Mapping[str, Array]]) -> Array:
        """What was picked of every set, less the truth: one vector. NaN where an output is not
        there, or not finite."""
        parts = [np.empty(0)]
        for index in range(len(self.truth)):
            for name, true in self._floats(index):
                wanted = true.reshape(-1)[_places(true.size)]
                given = picked[index].get(name, np.full(wanted.shape, np.nan))
                with np.errstate(invalid="ignore"):
                    error = np.where(np.isfinite(wanted), given - wanted, 0.0)
                parts.append(np.where(np.isfinite(error), error, np.nan))
        return np.concatenate(parts)

    def scaled(self, errors: Array) -> Sample:
        """The sample with the weights that these errors of runs (runs, elements) give: rounding is
        taken for no smaller than half a unit of the true value."""
        true = np.concatenate(
            [np.empty(0)]
            + [
                one.reshape(-1)[_places(one.size)]
                for index in range(len(self.truth))
                for _, one in self._floats(index)
            ]
        )
        own = np.where(np.isfinite(true), np.abs(true), 0.0) * HALF_UNIT
        size = np.sqrt(np.mean(np.square(errors), axis=0) + np.square(own))
        known = np.isfinite(size) & (size > np.finfo(np.float32).tiny)
        weight = np.divide(1.0, size, out=np.zeros_like(size), where=known)
        return dataclasses.replace(self, weight=weight)

    def _floats(self, index: int) -> list[tuple[str, Array]]:
        return [(name, one) for name, one in self.truth[index].items() if one.dtype.kind == "f"]


def _places(size: int) -> Array:
    """Evenly spread places among `size`."""
    count = min(size, MOST)
    return np.arange(count) * size // count if count else np.empty(0, dtype=np.int64)
