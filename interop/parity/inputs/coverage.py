"""What inputs exercise: for each threshold of a model, on which sides of it values were met.

The model runs in float32 on ONNX Runtime, with the least and the largest element of each tensor
that has a threshold as further outputs: two numbers a tensor, so that no memory goes into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, helper
from onnx import numpy_helper as nph

from interop.errors import InvalidModel
from interop.parity.floor.runs import perturbable
from interop.parity.floor.session import Session, skeleton
from interop.parity.inputs.flat import flatten
from interop.parity.inputs.thresholds import Threshold, hidden, thresholds
from interop.parity.inputs.values import Array

#: Types that ONNX Runtime finds the least and the largest of, and that need no widening.
_OBSERVABLE = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE})


@dataclass(frozen=True)
class Sight:
    """What one run showed: (below, above) of each threshold, in order, and whether every output
    has a finite element. `refused` says why ONNX Runtime would not run the model on the inputs."""

    sides: tuple[tuple[bool, bool], ...]
    finite: bool = True
    refused: str = ""

    def met(self) -> set[tuple[int, bool]]:
        """(number of the threshold, whether above it) for each side that was met."""
        return {
            (index, above)
            for index, pair in enumerate(self.sides)
            for above in (False, True)
            if pair[above]
        }


@dataclass(frozen=True)
class Coverage:
    """Which thresholds the input sets have met on both sides, and which not.

    `missed` are the others, each with the side where no value lay ("never above", "never below",
    or "never clear of it"); `hidden` are nodes in subgraphs, which are not looked into.
    """

    total: int
    missed: tuple[tuple[Threshold, str], ...]
    hidden: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "thresholds": self.total,
            "exercised": self.total - len(self.missed),
            "missed": [{"threshold": str(one), "how": how} for one, how in self.missed],
            "not_looked_into": list(self.hidden),
        }


class Observer:
    """A model made ready to be watched. Raises InvalidModel where ONNX Runtime cannot load it."""

    def __init__(self, model: ModelProto, threads: int = 0) -> None:
        self.thresholds = thresholds(model)
        self._hidden = hidden(model)
        self._names = [value.name for value in model.graph.output]
        self._watched = list(dict.fromkeys((t.tensor, t.pair) for t in self.thresholds))
        weights = perturbable(model)
        bare = skeleton(model, weights)
        _watch(bare.graph, self._watched, flatten(model).types)
        self._weights = {name: nph.to_array(tensor) for name, tensor in weights.items()}
        self._session = Session(bare, threads)

    def run(self, arrays: Mapping[str, Array]) -> Sight:
        """One float32 run. ONNX Runtime's refusal is a finding, not an error."""
        try:
            results = self._session.run({**self._weights, **arrays})
        except InvalidModel as refusal:
            return Sight((), finite=False, refused=refusal.detail)
        ends = {
            key: (float(results[f"{_mark(number)}<"]), float(results[f"{_mark(number)}>"]))
            for number, key in enumerate(self._watched)
        }
        sides = tuple(_sides(one, ends[one.tensor, one.pair]) for one in self.thresholds)
        return Sight(sides, all(_some_finite(results[name]) for name in self._names))

    def coverage(self, sights: Sequence[Sight]) -> Coverage:
        """Of all the `sights` together."""
        met = set[tuple[int, bool]]().union(*(sight.met() for sight in sights))
        missed = []
        for index, one in enumerate(self.thresholds):
            below, above = (index, False) in met, (index, True) in met
            if not (below and above):
                how = "never above" if below else "never below" if above else "never clear of it"
                missed.append((one, how))
        return Coverage(len(self.thresholds), tuple(missed), self._hidden)


def smallest_cover(sights: Sequence[Sight], chosen: Iterable[int]) -> list[int]:
    """Of the `sights` not yet `chosen`, the fewest that meet what all together meet: the one that
    adds most first, of equals the earlier (the set-cover heuristic of Chvátal, 1979)."""
    met = set[tuple[int, bool]]().union(*(sights[index].met() for index in chosen))
    wanted = set[tuple[int, bool]]().union(*(sight.met() for sight in sights)) - met
    added = []
    while wanted:
        best = max(range(len(sights)), key=lambda i: (len(sights[i].met() & wanted), -i))
        wanted -= sights[best].met()
        added.append(best)
    return sorted(added)


def _sides(threshold: Threshold, ends: tuple[float, float]) -> tuple[bool, bool]:
    least, largest = ends
    below = least < threshold.at - threshold.margin
    return bool(below), bool(largest > threshold.at + threshold.margin)


def _some_finite(array: Array) -> bool:
    if not array.size or array.dtype.kind not in "fV":
        return True
    return bool(np.isfinite(array.astype(np.float32)).any())


def _mark(number: int) -> str:
    return f"interop watched {number}"


def _watch(graph: GraphProto, watched: Sequence[tuple[str, str]], types: Mapping[str, int]) -> None:
    """Add to `graph` the least ("<") and largest (">") of each watched tensor, or difference of two,
    as outputs: in its own type where that is float32 or float64, else in float64."""
    for number, names in enumerate(watched):
        own = types.get(names[0]) in _OBSERVABLE
        wide = []
        for name in filter(None, names):
            cast = name if own else f"{_mark(number)} {name}"
            if not own:
                graph.node.append(helper.make_node("Cast", [name], [cast], to=TensorProto.DOUBLE))
            wide.append(cast)
        if len(wide) == 2:
            graph.node.append(helper.make_node("Sub", wide, [f"{_mark(number)} difference"]))
            wide = [f"{_mark(number)} difference"]
        kind = types[names[0]] if own else TensorProto.DOUBLE
        for end, operator in (("<", "ReduceMin"), (">", "ReduceMax")):
            name = f"{_mark(number)}{end}"
            graph.node.append(helper.make_node(operator, wide, [name], keepdims=0))
            graph.output.append(helper.make_tensor_value_info(name, kind, ()))
