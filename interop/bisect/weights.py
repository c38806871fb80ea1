"""Weights of two models, compared one by one before anything is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import ml_dtypes
import numpy as np
from onnx import numpy_helper as nph

from interop.bisect.candidate import Array
from interop.bisect.pieces import Graph

#: Units in the last place within which a weight has only been rounded anew, on its way through text
#: or another order of arithmetic (a folded batch normalisation).
ROUNDED = 1.0


def _half(array: Array) -> Array:
    return array.astype(np.float16)


#: What a weight may have gone through, and the same done to ours.
_LOOKS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("rounded through float16", _half),
    ("rounded through bfloat16", lambda a: a.astype(ml_dtypes.bfloat16)),
    ("of the other sign", np.negative),
    ("all zeros", np.zeros_like),
)


@dataclass(frozen=True)
class WeightDifference:
    """One weight that both have, and not alike. ulps: the largest distance in units in the last
    place of each element (infinite where shape or dtype differ); looks: what it went through."""

    name: str
    what: str
    max_abs: float
    ulps: float
    changed: float  # share of the elements
    looks: str = ""

    @property
    def matters(self) -> bool:
        return not self.ulps <= ROUNDED

    def to_json(self) -> dict[str, Any]:
        finite = {k: v if np.isfinite(v) else None for k, v in
                  (("max_abs", self.max_abs), ("ulps", self.ulps))}  # fmt: skip
        return {**vars(self), **finite}


def weights_of(graph: Graph) -> dict[str, Array]:
    """The weights of `graph` by name, in its order."""
    return {name: nph.to_array(tensor) for name, tensor in graph.weights.items()}


def partners(reference: Graph, candidate: Graph) -> dict[str, Array]:
    """The candidate's weights under the names that the reference has for them: of the same name, or
    read in the same place by the node that makes the same value."""
    theirs = weights_of(candidate)
    found = {name: array for name, array in theirs.items() if name in reference.weights}
    for node in reference.nodes:
        place = next((candidate.producer[n] for n in node.output if n in candidate.producer), None)
        if place is None or candidate.nodes[place].op_type != node.op_type:
            continue
        for ours, other in zip(node.input, candidate.nodes[place].input, strict=False):
            if ours != other and ours in reference.weights and other in theirs:
                found[ours] = theirs[other]
    return found


def compare_weights(
    reference: Mapping[str, Array], candidate: Mapping[str, Array]
) -> tuple[WeightDifference, ...]:
    """The weights of a name that both have, where they differ. Those that one alone has say nothing:
    writers fold and rename, and what they make of it is measured."""
    found = (
        _difference(name, reference[name], candidate[name])
        for name in reference
        if name in candidate
    )
    return tuple(one for one in found if one is not None)


def _difference(name: str, ours: Array, theirs: Array) -> WeightDifference | None:
    infinite = float("inf")
    if ours.dtype != theirs.dtype:
        what = f"is {theirs.dtype.name} for {ours.dtype.name}"
        return WeightDifference(name, what, infinite, infinite, 1.0)
    if ours.shape != theirs.shape:
        what = f"has shape {list(theirs.shape)} for {list(ours.shape)}"
        return WeightDifference(name, what, infinite, infinite, 1.0, _turned(ours, theirs))
    equal = (ours == theirs) | ((ours != ours) & (theirs != theirs))
    if np.all(equal):
        return None
    if ours.dtype.kind in "iub":
        count = int(np.sum(~equal))
        what = f"differs in {count} of {ours.size} elements"
        return WeightDifference(name, what, infinite, infinite, count / ours.size)
    wide, other = ours.astype(np.float64), theirs.astype(np.float64)
    distance = np.abs(other - wide)
    with np.errstate(all="ignore"):
        ulps = distance / np.spacing(np.abs(ours)).astype(np.float64)
    largest, most = (float(np.max(np.where(np.isnan(x), np.inf, x))) for x in (distance, ulps))
    what = f"differs by up to {largest:.2g}"
    share = float(np.mean(~equal))
    return WeightDifference(name, what, largest, most, share, _look(ours, theirs))


def _look(ours: Array, theirs: Array) -> str:
    for words, change in _LOOKS:
        with np.errstate(all="ignore"):
            if np.array_equal(np.asarray(change(ours)).astype(ours.dtype), theirs):
                return words
    return _turned(ours, theirs) or _flipped(ours, theirs)


def _turned(ours: Array, theirs: Array) -> str:
    """The order of axes that makes the one of the other."""
    if ours.ndim > 5 or sorted(ours.shape) != sorted(theirs.shape):
        return ""
    for order in permutations(range(ours.ndim)):
        if ours.transpose(order).shape == theirs.shape and np.array_equal(
            ours.transpose(order), theirs
        ):
            return f"transposed by {list(order)}"
    return ""


def _flipped(ours: Array, theirs: Array) -> str:
    for axis in range(ours.ndim):
        if np.array_equal(np.flip(ours, axis), theirs):
            return f"reversed along axis {axis}"
    return ""
