"""Does a mutant compute another function at all? Decided in float64, on all the inputs there are,
where float32 does not show it beyond doubt (judging.py).

Only what lies behind the change is evaluated again: the rest is as in the original, whose values
are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto

from interop.errors import InteropError
from interop.parity.floor.noise import Noise
from interop.parity.truth.evaluator import Truth, reads
from interop.parity.verdict.elements import error_of
from scorecard.edit import Array, is_new
from scorecard.evidence import Evidence, Outputs

#: Relative difference up to which two float64 evaluations count as the same: what float64 rounds
#: off in hundreds of layers, and a millionth of what float32 can hold.
SAME = 1e-11


@dataclass(frozen=True)
class Difference:
    """`size`: the largest difference of an output over its largest element, in float64; `inputs`:
    the label of the set that showed it. Infinite where shapes, integers or non-finite values
    differ, or where one does not run."""

    size: float
    inputs: str

    @property
    def changed(self) -> bool:
        return self.size > SAME


class Original:
    """A model's own float64 values on each of its sets of inputs, as far as they were asked for."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._known = {n.output[0]: n.SerializeToString() for n in evidence.model.graph.node}
        self._truth = Truth(_with_all_outputs(evidence.model))
        self._kept: tuple[int, Mapping[str, Array]] = (-1, {})  # of one set: they may be large

    def difference(self, other: ModelProto, *, enough: float = SAME) -> Difference:
        """How far `other` is from the original: on the first set of inputs that shows more than
        `enough`, else the most of all sets."""
        part, outputs = self._behind(other)
        largest = Difference(0.0, "")
        if not outputs:
            return largest
        for index in self._order():
            found = self._on(part, index)
            if found is None:
                return Difference(np.inf, self._evidence.sets[index].label)
            truth = self._evidence.truth[index]
            size = max(distance(truth[name], found[name]) for name in outputs)
            if size > largest.size:
                largest = Difference(size, self._evidence.sets[index].label)
            if largest.size > enough:
                break
        return largest

    def exact_multiple(self, mutant: ModelProto, count: int) -> float:
        """What a mutant that is computed without any rounding scores on the first `count` sets: its
        largest error over the floor. Near or below 1, it hides behind rounding on those inputs."""
        part, outputs = self._behind(mutant)
        worst = 0.0
        for index in range(count if outputs else 0):
            found = self._on(part, index)
            if found is None:
                return np.inf
            truth, noise = self._evidence.truth[index], self._evidence.noise[index]
            worst = max(worst, *(_multiple(truth[n], found[n], noise[n]) for n in outputs))
        return worst

    def _order(self) -> list[int]:
        """The second set first: it has more than one row, and is small."""
        count = len(self._evidence.sets)
        return [1, 0, *range(2, count)] if count > 1 else [0]

    def _on(self, part: ModelProto, index: int) -> Outputs | None:
        """The outputs of `part` on one set of inputs; None where it does not run."""
        values = self._values(index)
        try:
            return _evaluate(part, {value.name: values[value.name] for value in part.graph.input})
        except InteropError:
            return None

    def _values(self, index: int) -> Mapping[str, Array]:
        if self._kept[0] != index:
            arrays = self._evidence.sets[index].arrays
            self._kept = (-1, {})
            self._kept = (index, {**arrays, **self._truth.run(arrays)})
        return self._kept[1]

    def _behind(self, mutant: ModelProto) -> tuple[ModelProto, list[str]]:
        """The part of `mutant` that is not the original's, and those of its outputs that it gives."""
        part = ModelProto(ir_version=mutant.ir_version)
        part.opset_import.extend(mutant.opset_import)
        graph = part.graph
        graph.name = "behind the change"
        made: set[str] = set()
        for node in mutant.graph.node:
            known = self._known.get(node.output[0]) == node.SerializeToString()
            if not known or reads(node) & made:
                graph.node.append(node)
                made.update(node.output)
        needed = {name for node in graph.node for name in reads(node)} - made - {""}
        graph.initializer.extend(t for t in mutant.graph.initializer if t.name in needed)
        needed -= {tensor.name for tensor in graph.initializer}
        for name in sorted(needed & self._outside()):
            graph.input.add(name=name)
        outputs = [value.name for value in mutant.graph.output if value.name in made]
        for name in outputs:
            graph.output.add(name=name)
        return part, outputs

    def _outside(self) -> set[str]:
        graph = self._evidence.model.graph
        return {v.name for v in graph.input} | {name for node in graph.node for name in node.output}


def _evaluate(part: ModelProto, feeds: Outputs) -> Outputs:
    """The float64 truth of `part`, but for a planted rounding to float16, which is the fault: the
    truth of a model takes such a Cast for what it is meant to be, and does not round."""
    cast = next((n for n in part.graph.node if _planted_half(n)), None)
    if cast is None:
        return Truth(part).run(feeds)
    before = ModelProto()
    before.CopyFrom(part)
    del before.graph.output[:]
    before.graph.output.add(name=cast.input[0])
    with np.errstate(over="ignore"):
        rounded = _evaluate_up_to(before, cast.input[0], feeds).astype(np.float16)
    after = ModelProto()
    after.CopyFrom(part)
    after.graph.node.remove(cast)
    after.graph.input.add(name=cast.output[0])
    return _evaluate(after, {**feeds, cast.output[0]: rounded.astype(np.float64)})


def _planted_half(node: NodeProto) -> bool:
    return node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT16 and is_new(node)


def _evaluate_up_to(part: ModelProto, name: str, feeds: Outputs) -> Array:
    if name in feeds:
        return feeds[name]
    wanted, kept = {name}, []
    for node in reversed(part.graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= reads(node)
    nodes = kept[::-1]
    del part.graph.node[:]
    part.graph.node.extend(nodes)
    return Truth(part).run(feeds)[name]


def _with_all_outputs(model: ModelProto) -> ModelProto:
    everything = ModelProto()
    everything.CopyFrom(model)
    present = {value.name for value in everything.graph.output}
    for node in everything.graph.node:
        for name in node.output:
            if name and name not in present:
                everything.graph.output.add(name=name)
    return everything


def distance(wanted: Array, given: Array) -> float:
    """Largest difference over the largest of `wanted`; infinite where shapes, types, integers or
    values that are not finite differ."""
    if wanted.shape != given.shape or wanted.dtype != given.dtype:
        return np.inf
    if not wanted.size:
        return 0.0
    if wanted.dtype.kind != "f":
        return 0.0 if np.array_equal(wanted, given) else np.inf
    finite = np.isfinite(wanted)
    if not np.array_equal(finite, np.isfinite(given)) or not np.array_equal(
        wanted[~finite], given[~finite], equal_nan=True
    ):
        return np.inf
    if not np.any(finite):
        return 0.0
    largest = float(np.max(np.abs(wanted[finite])))
    error = float(np.max(np.abs(given[finite] - wanted[finite])))
    return error / largest if largest else (np.inf if error else 0.0)


def _multiple(truth: Array, given: Array, noise: Noise) -> float:
    if truth.shape != given.shape or not noise.levels:
        return np.inf
    if not np.array_equal(np.isfinite(truth), np.isfinite(given)):
        return np.inf
    return noise.multiple(error_of(truth, given, noise.shaky)).worst
