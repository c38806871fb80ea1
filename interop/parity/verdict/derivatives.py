"""Gradients of a written model against those of another: which parameter of the one is which of the
other, and how far apart their gradients are, in units of what rounding does to them.

A gradient is of the sum of all outputs, each multiplied by a fixed random array (its cotangent): one
scalar that everything takes part in, to the same degree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from interop.errors import ParityFailed
from interop.parity.floor.groups import Array
from interop.parity.floor.noise import Noise, is_float, measure_noise
from interop.parity.verdict.compare import OutputParity, compare

#: What a worker writes down stands under `<kind>:<name>`.
INPUT, WEIGHT, VALUE, OUTPUT = "input", "weight", "value", "output"


@dataclass(frozen=True)
class Derivatives:
    """What one participant gave: gradients by input and by parameter, and what each parameter is.

    A parameter or input without a gradient is one that the outputs do not depend on.
    """

    inputs: Mapping[str, Array]
    weights: Mapping[str, Array]
    values: Mapping[str, Array]
    outputs: Mapping[str, Array]

    @staticmethod
    def of(tensors: Mapping[str, Array]) -> Derivatives:
        """From the tensors that a guest's `gradients` writes."""
        kinds: dict[str, dict[str, Array]] = {k: {} for k in (INPUT, WEIGHT, VALUE, OUTPUT)}
        for key, array in tensors.items():
            kind, _, name = key.partition(":")
            kinds[kind][name] = array
        return Derivatives(*(kinds[kind] for kind in (INPUT, WEIGHT, VALUE, OUTPUT)))

    def by_input(self, name: str, like: Array) -> Array:
        return self.inputs.get(name, np.zeros_like(like))

    def by_weight(self, name: str) -> Array:
        return self.weights.get(name, np.zeros_like(self.values[name]))


@dataclass(frozen=True)
class Match:
    """A parameter of the truth, that of the candidate which holds the same numbers, and the order of
    axes that makes the truth's of it."""

    name: str
    theirs: str
    order: tuple[int, ...]


def cotangents(outputs: Mapping[str, Array], seed: int) -> dict[str, Array]:
    """One array of float64 normal numbers for each output of floats, the same for one seed; rounded to
    float32, so that every participant is given the same.

    Raises ParityFailed where no output is of floats.
    """
    rng = np.random.default_rng([seed, 0x6AD])
    found = {}
    for name, array in outputs.items():
        drawn = np.asarray(rng.standard_normal(array.shape), dtype=np.float32)
        if is_float(array.dtype):
            found[name] = drawn.astype(np.float64)
    if not found:
        raise ParityFailed(
            "no output is of floats, so nothing has a gradient",
            hint="Leave --gradients away for this model.",
        )
    return found


def match(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> tuple[Match, ...]:
    """Parameters that hold the same numbers, as they are or with their axes in another order; of the
    same name where several do, and each once."""
    free = dict(theirs)
    found = []
    for name, value in ours.items():
        rounded = value.astype(np.float32)
        named = sorted(free, key=lambda other: _plain(other) != _plain(name))
        for other in named:
            order = _arrangement(rounded, free[other])
            if order is not None:
                found.append(Match(name, other, order))
                del free[other]
                break
    return tuple(found)


def _plain(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _arrangement(wanted: Array, given: Array) -> tuple[int, ...] | None:
    """The order of the axes of `given` in which it is `wanted`."""
    if sorted(wanted.shape) != sorted(given.shape):
        return None
    for order in permutations(range(given.ndim)):
        if given.transpose(order).shape == wanted.shape and np.array_equal(
            given.transpose(order), wanted
        ):
            return order
    return None


def derivative_noise(
    truth: Derivatives, runs: Sequence[Derivatives], feeds: Mapping[str, Array]
) -> dict[str, Noise]:
    """The floor of each gradient, under the names that `compare_derivatives` gives them."""
    found = {
        f"{INPUT} {name}": measure_noise(
            truth.by_input(name, array), [run.by_input(name, array) for run in runs]
        )
        for name, array in feeds.items()
    }
    for name in truth.values:
        gradients = [run.by_weight(name) for run in runs]
        found[f"{WEIGHT} {name}"] = measure_noise(truth.by_weight(name), gradients)
    return found


def compare_derivatives(
    truth: Derivatives,
    candidate: Derivatives,
    noise: Mapping[str, Noise],
    feeds: Mapping[str, Array],
    matches: Sequence[Match],
) -> tuple[OutputParity, ...]:
    """Every float input and every parameter that both have; `feeds` are the float inputs."""
    found = []
    for name, array in feeds.items():
        key = f"{INPUT} {name}"
        theirs = candidate.by_input(name, array)
        found.append(compare(key, truth.by_input(name, array), theirs, noise[key]))
    for one in matches:
        key = f"{WEIGHT} {one.name}"
        theirs = candidate.by_weight(one.theirs).transpose(one.order)
        found.append(compare(key, truth.by_weight(one.name), theirs, noise[key]))
    return tuple(found)


def agreement(ours: Mapping[str, Array], truth: Mapping[str, Array]) -> float:
    """The largest distance of outputs from the truth, relative to the size of each."""

    def distance(name: str) -> float:
        size = float(np.max(np.abs(truth[name]), initial=0.0))
        gap = float(np.max(np.abs(np.asarray(ours[name], np.float64) - truth[name]), initial=0.0))
        return gap / size if size else gap

    return max(map(distance, ours), default=0.0)
