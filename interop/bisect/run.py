"""The whole search: weights, the model as a whole, its prefixes, its nodes, and the confirmation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import NodeProto

from interop.bisect.candidate import Array, Executor
from interop.bisect.changes import called, changes
from interop.bisect.layers import Layer, layers
from interop.bisect.measure import Judgement, Yardstick, judge, typed, yardstick
from interop.bisect.pieces import Graph, Piece
from interop.bisect.reference import References
from interop.bisect.search import Prefixes, Step, cuts, halve, smallest_window
from interop.bisect.units import Pair, pair
from interop.bisect.weights import WeightDifference, compare_weights, partners, weights_of
from interop.parity.inputs.sets import InputSet
from interop.progress import Progress


@dataclass(frozen=True)
class Case:
    """What shows the fault: pieces of both graphs, what they are fed with, what is true of them."""

    reference: Piece
    candidate: Piece
    feeds: Mapping[str, Array]
    by: Yardstick


@dataclass(frozen=True)
class Finding:
    """The first fault. kind: "node" (wrong by itself), "weight" (it reads one that differs), or
    "fused" (wrong only together with its neighbours).

    nodes: of the reference, the first blamed most; changes: what is written differently there;
    confirmed: what the unmodified model says of it; None in `case` where nothing that was run shows it.
    """

    kind: str
    nodes: tuple[NodeProto, ...]
    inputs: str  # label of the input set
    reason: str
    changes: tuple[str, ...]
    weights: tuple[WeightDifference, ...]
    confirmed: str
    case: Case | None


@dataclass(frozen=True)
class Bisection:
    """What was done and what was found. whole: the model as it is, by label of the input set, up to
    the first on which it is wrong; steps: its prefixes; layers: the nodes that were run alone."""

    candidate: str
    nodes: int
    whole: Mapping[str, Judgement]
    weights: tuple[WeightDifference, ...]
    steps: tuple[Step, ...]
    layers: tuple[Layer, ...]
    finding: Finding | None


@dataclass(frozen=True)
class Subject:
    """Everything that the search is about."""

    pair: Pair
    executor: Executor
    sets: Sequence[InputSet]
    weights: tuple[WeightDifference, ...]
    scratch: Path
    seed: int

    def references(self, one: InputSet) -> References:
        folder = self.scratch / f"reference-{self.sets.index(one)}"
        return References(self.pair, one.arrays, folder)


def subject(
    reference: Graph,
    candidate: Graph,
    executor: Executor,
    sets: Sequence[InputSet],
    scratch: Path,
    *,
    weights: tuple[WeightDifference, ...] = (),
    seed: int = 0,
) -> Subject:
    """weights: how those of an artifact differ; those of two graphs are compared here.

    Raises UsageError where the two graphs cannot be paired.
    """
    if candidate is not reference:
        weights = compare_weights(weights_of(reference), partners(reference, candidate))
    return Subject(pair(reference, candidate), executor, sets, weights, scratch, seed)


def profile(subject: Subject, progress: Progress) -> tuple[Layer, ...]:
    """Every node by itself, on the first set of inputs: `interop check --layers`."""
    one = subject.sets[0]
    return _layers(subject, one, subject.references(one), progress)


def bisect(subject: Subject, progress: Progress) -> Bisection:
    """The first node that goes wrong, or none: searched on the first set of inputs on which the whole
    model is wrong; where it is wrong on none, every node is looked at by itself, on each set."""
    whole: dict[str, Judgement] = {}
    bad: tuple[InputSet, Yardstick] | None = None
    with progress.stage("the whole model") as update:
        for number, one in enumerate(subject.sets):
            update(number / len(subject.sets), one.label)
            by, whole[one.label] = _whole(subject, one)
            if whole[one.label].wrong and not by.doubt:
                bad = one, by
                break
    steps: tuple[Step, ...] = ()
    graded: tuple[Layer, ...] = ()
    finding = None
    if bad is not None:
        with progress.stage("narrowing down") as update:
            finding, steps, graded = _descend(subject, *bad, update)
    else:
        for one in subject.sets:
            graded = _layers(subject, one, references := subject.references(one), progress)
            wrong = [layer for layer in graded if layer.wrong]
            if wrong:
                finding = _by_itself(
                    subject, one, references, wrong[0],
                    "the model as a whole does not show it on these inputs",
                )  # fmt: skip
                break
    if finding is None:
        finding = _unseen(subject)
    return Bisection(
        subject.executor.name, len(subject.pair.reference.nodes), whole, subject.weights, steps,
        graded, finding,
    )  # fmt: skip


def _whole(subject: Subject, one: InputSet) -> tuple[Yardstick, Judgement]:
    precision = subject.executor.precision
    by = yardstick(subject.pair.reference.model, one.arrays, subject.seed, precision)
    found = judge(subject.pair.candidate.model, one.arrays, subject.executor, by)
    return by, found


def _layers(
    subject: Subject, one: InputSet, references: References, progress: Progress
) -> tuple[Layer, ...]:
    numbers = range(len(subject.pair.units))
    found = []
    with progress.stage(f"node by node ({one.label})") as update:
        for layer in layers(subject.pair, references, subject.executor, numbers, seed=subject.seed):
            found.append(layer)
            update(len(found) / max(1, len(numbers)), called(_maker(subject.pair, layer)))
    return tuple(found)


def _descend(
    subject: Subject, one: InputSet, by: Yardstick, update: Any
) -> tuple[Finding, tuple[Step, ...], tuple[Layer, ...]]:
    """From a model that is wrong as a whole to the node, or the window, that makes it so."""
    pair, references = subject.pair, subject.references(one)
    prefixes = Prefixes(pair, one.arrays, subject.executor, subject.seed)
    low, high = halve(cuts(pair), 0, len(pair.units), prefixes.wrong)
    update(0.5, f"{high - low} of {len(pair.units)} nodes left")
    segment = range(low, high)
    graded = tuple(layers(pair, references, subject.executor, segment, seed=subject.seed))
    wrong = [layer for layer in graded if layer.wrong]
    if wrong:
        before = _before(low, high, len(pair.units))
        confirmed = _confirm(subject, one, by, references, wrong[0], before)
        finding = _by_itself(subject, one, references, wrong[0], confirmed)
    else:
        update(0.7, "no node is wrong by itself: looking for the window that is")
        _, high = halve(range(low + 1, high), low, high, prefixes.wrong)
        finding = _fused(subject, one, references, high)
    return finding, tuple(prefixes.steps), graded


def _before(low: int, high: int, count: int) -> str:
    """What the prefixes say of the segment between `low` and `high`."""
    right = f"a prefix of {low} nodes is right" if low else "no prefix is right"
    return f"{right}, {'the whole' if high == count else f'one of {high}'} is wrong"


def _confirm(
    subject: Subject,
    one: InputSet,
    by: Yardstick,
    references: References,
    layer: Layer,
    before: str,
) -> str:
    """Put the reference value in the place of what the node makes, in the model as it is."""
    pair = subject.pair
    names = [name for name in pair.reference.outputs if name not in layer.unit.outputs]
    names = [name for name in names if name in pair.candidate.producer]
    if not names:
        return f"{before}; what it makes is the output itself"
    piece = pair.candidate.piece(names, layer.unit.outputs)
    if not set(piece.inputs) & set(layer.unit.outputs):
        return before
    feeds = references.feeds(piece.inputs)
    model = typed(pair.candidate.build(piece), feeds)
    repaired = judge(model, feeds, subject.executor, by.of(names))
    if repaired.wrong:
        return f"{before}; it is not the only fault: with its result set right, {repaired.reason}"
    return f"{before}; with its result set right, so is the output"


def _by_itself(
    subject: Subject, one: InputSet, references: References, layer: Layer, confirmed: str
) -> Finding:
    unit, pair = layer.unit, subject.pair
    names = tuple(dict.fromkeys((*unit.reference.inputs, *unit.candidate.inputs)))
    feeds = references.feeds(unit.reference.inputs)
    model = typed(pair.reference.build(unit.reference), feeds)
    by = yardstick(model, feeds, subject.seed, subject.executor.precision)
    case = Case(unit.reference, unit.candidate, references.feeds(names), by)
    nodes, texts = _blamed(pair, unit.reference, unit.candidate, layer)
    read = {name for piece_node in nodes for name in piece_node.input}
    weights = tuple(weight for weight in subject.weights if weight.name in read)
    kind = "weight" if weights else "node"
    return Finding(kind, nodes, one.label, layer.judgement.reason, texts, weights, confirmed, case)


def _fused(subject: Subject, one: InputSet, references: References, stop: int) -> Finding:
    pair = subject.pair
    found = smallest_window(pair, references, subject.executor, stop, subject.seed)
    names = tuple(dict.fromkeys((*found.reference.inputs, *found.candidate.inputs)))
    case = Case(found.reference, found.candidate, references.feeds(names), found.by)
    nodes = tuple(pair.reference.nodes[place] for place in found.reference.nodes)
    confirmed = f"each of the {len(nodes)} nodes is right by itself, and together they are wrong"
    if not found.judgement.wrong:
        confirmed = "no node and no window of them is wrong by itself: only the prefix as a whole"
    return Finding("fused", nodes[::-1], one.label, found.judgement.reason, (), (), confirmed, case)


def _blamed(
    pair: Pair, ours: Piece, theirs: Piece, layer: Layer
) -> tuple[tuple[NodeProto, ...], tuple[str, ...]]:
    """The nodes of a unit that is wrong, the one to blame first, and what is written differently."""
    maker = _maker(pair, layer)
    if pair.one_graph:
        return (maker,), ()
    found = changes(pair.reference, ours, pair.candidate, theirs)
    named = [change.reference for change in found if change.reference is not None]
    return tuple(named or [maker]), tuple(change.text for change in found)


def _maker(pair: Pair, layer: Layer) -> NodeProto:
    return pair.reference.nodes[pair.reference.producer[layer.unit.outputs[0]]]


def _unseen(subject: Subject) -> Finding | None:
    """A weight that differs by more than rounding is a fault, even where no run shows it."""
    weights = tuple(weight for weight in subject.weights if weight.matters)
    if not weights:
        return None
    graph = subject.pair.reference
    nodes = [graph.nodes[place] for w in weights for place in graph.readers.get(w.name, ())]
    return Finding(
        "weight", tuple(nodes), "", f"weight {weights[0].name!r} {weights[0].what}", (), weights,
        "nothing that was run shows it", None,
    )  # fmt: skip
