"""Models that draw random numbers: no element has a true value, but each output has a distribution.

Every side runs many times on the same inputs. Each element is taken from its mean over all runs of
both; the distance between two sides is that of Kolmogorov and Smirnov, the largest between the
distributions of what is left. The elements of one run hang together, so no formula says how large it
gets by chance: whole runs change sides at random, and the share of such exchanges that give as much
is the p-value (a permutation test: exact, whatever the elements have to do with each other).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto

from interop.checks.attempts import Attempt
from interop.parity.truth.randomness import random_nodes as drawing
from interop.workers.tensors import read_tensors

Array = np.ndarray[Any, Any]

#: Values of the smallest output that are wanted of each side, and the runs that are made for them.
VALUES = 4000
FEWEST, MOST = 16, 200

#: Exchanges of runs between two sides.
EXCHANGES = 1999

#: A distribution is called another below this p-value: once in a thousand times by chance.
ALPHA = 0.001

#: Elements of an output that are looked at, at the same places in every run.
ELEMENTS = 500

#: What is the same in all runs has no distribution; between two sides it may differ by so much of
#: its size. There is no floor to measure it by, so this is coarse: the precision of float16.
TOLERANCE = 2.0**-11


@dataclass(frozen=True)
class Drawn:
    """One output of one side beside that of another. distance: 0 to 1, None where no distributions
    were compared; p: the chance of such a distance between equal distributions."""

    name: str
    against: str
    verdict: (
        str  # "same distribution", "another distribution", "same", "divergent", "not comparable"
    )
    reason: str
    distance: float | None = None
    p: float | None = None

    @property
    def passes(self) -> bool:
        return self.verdict.startswith("same")

    def to_json(self) -> dict[str, Any]:
        return {"output": self.name, **{k: v for k, v in vars(self).items() if k != "name"}}


def random_nodes(model: ModelProto) -> list[str]:
    """The nodes that draw random numbers, described."""
    return [
        f"{node.op_type} {node.name or next(iter(node.output), '')!r}" for node in drawing(model)
    ]


def runs_for(outputs: Mapping[str, Array]) -> int:
    """How often to run a model that gave `outputs` once."""
    smallest = min((array.size for array in outputs.values() if array.size), default=1)
    return int(np.clip(-(-VALUES // min(smallest, ELEMENTS)), FEWEST, MOST))


def compare_drawn(one: Attempt, other: Attempt, seed: int) -> list[Drawn]:
    """Every output of `one`, whose folders are runs on the same inputs, beside that of `other`."""
    mine = [read_tensors(folder) for folder in one.outputs]
    theirs = [read_tensors(folder) for folder in other.outputs]
    names = list(dict.fromkeys([*theirs[0], *mine[0]]))
    rng = np.random.default_rng(seed)
    return [_compare(name, mine, theirs, other.label, rng) for name in names]


def _compare(
    name: str,
    mine: Sequence[Mapping[str, Array]],
    theirs: Sequence[Mapping[str, Array]],
    who: str,
    rng: np.random.Generator,
) -> Drawn:
    sides = [[run[name] for run in runs if name in run] for runs in (mine, theirs)]
    problem = _incomparable(*sides)
    if problem:
        return Drawn(name, who, "not comparable", problem)
    first, second = (_sampled(side) for side in sides)
    constant = [bool(np.all(side == side[0])) for side in (first, second)]
    if all(constant):
        return _same(name, who, first[0], second[0])
    if any(constant):
        still = "it" if constant[0] else who
        reason = f"{still} gives the same in every run: its seed may be fixed"
        return Drawn(name, who, "not comparable", reason)
    distance, p = _exchanged(first, second, rng)
    same = p >= ALPHA
    reason = f"the distributions are {distance:.3g} apart at most, by chance with p = {p:.2g}"
    verdict = "same distribution" if same else "another distribution"
    return Drawn(name, who, verdict, reason, distance, p)


def _incomparable(mine: list[Array], theirs: list[Array]) -> str:
    if not mine or not theirs:
        return "the output is missing on one side"
    types = {array.dtype.name for array in (*mine, *theirs)}
    shapes = {array.shape for array in (*mine, *theirs)}
    if len(types) > 1 or len(shapes) > 1:
        return f"types ({', '.join(sorted(types))}) or shapes ({sorted(shapes)}) differ"
    if mine[0].size == 0:
        return "the output has no elements: there is nothing to compare"
    if not all(np.all(np.isfinite(array.astype(np.float64))) for array in (*mine, *theirs)):
        return "there are NaN or infinite elements"
    return ""


def _sampled(runs: list[Array]) -> Array:
    """(runs, elements), in float64."""
    size = runs[0].size
    places = np.linspace(0, size - 1, min(size, ELEMENTS)).astype(int)
    return np.stack([run.reshape(-1)[places].astype(np.float64) for run in runs])


def _same(name: str, who: str, first: Array, second: Array) -> Drawn:
    error, size = float(np.max(np.abs(first - second))), float(np.max(np.abs(second)))
    same = error <= TOLERANCE * size
    reason = f"nothing random reaches it; it differs by {error:.3g} at most, its size is {size:.3g}"
    return Drawn(name, who, "same" if same else "divergent", reason)


def _exchanged(first: Array, second: Array, rng: np.random.Generator) -> tuple[float, float]:
    """The distance of the two, and the share of exchanges of runs that give as much."""
    runs, elements = np.concatenate([first, second]), first.shape[1]
    runs = runs - runs.mean(axis=0)
    order = np.argsort(runs, axis=None, kind="stable")
    owner, values = order // elements, runs.reshape(-1)[order]
    last = np.append(values[1:] != values[:-1], True)  # of equal values, the last counts

    def distance(mine: Array) -> float:
        steps = np.where(mine, 1.0 / mine.sum(), -1.0 / (~mine).sum())[owner] / elements
        return float(np.max(np.abs(np.cumsum(steps)[last])))

    labels = np.arange(len(runs)) < len(first)
    seen = distance(labels)
    as_far = sum(distance(rng.permutation(labels)) >= seen - 1e-12 for _ in range(EXCHANGES))
    return seen, (1 + as_far) / (1 + EXCHANGES)
