"""What the small constants of a model do to its outputs: a direction for each, to look for in errors.

Converters lose constants in a few known ways: another framework's epsilon, an epsilon outside the
root, a factor that was printed with a few digits. Each moves the outputs along a direction of its
own, which is the derivative of the outputs by that constant. It is taken as a finite difference of
float32 runs: the constant is changed by more and more until the outputs move well beyond rounding,
which is still so little that they move in proportion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper
from onnx import numpy_helper as nph

from interop.parity.floor.runs import floor_runs, perturbable
from interop.parity.floor.session import Session, skeleton
from interop.parity.mapped import array_of
from interop.parity.sampled import Array, Sample
from interop.parity.verdict.elements import flatten

#: Perturbed runs that tell how far rounding alone moves the outputs along a direction.
RUNS = 32

#: Rms of a direction over rounding's at which it is known to about a hundredth.
CLEAR = 100.0

STEP = 8.0  # from one trial to the next

#: An epsilon that is off by less than half is none that anybody uses; at most it is made this many
#: times larger.
OTHER_EPSILON, LARGEST_EPSILON = 0.5, 4096.0

#: What a number loses that is printed with five digits, and the most that a factor is changed by.
FIVE_DIGITS, LARGEST_CHANGE = 1e-5, 0.125

DEFAULT_EPSILON = 1e-5
NORMS = frozenset(
    {"BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization",
     "RMSNormalization"}
)  # fmt: skip
VARIANCE = 4  # the input of BatchNormalization
ARITHMETIC = frozenset({"Add", "Div", "Mul", "Sub"})


@dataclass(frozen=True)
class Constant:
    """A constant of one node. A change of `least`, in the unit of `change`, is the smallest that is
    a fault, and `most` the largest that is tried. For an epsilon and a factor (`what`) the unit is
    its own value; for "epsilon's place" it is the whole way from inside to outside the root."""

    node: str
    what: str
    value: float
    least: float
    most: float
    tensor: str = ""  # the initializer to change, where it is none of the node's attributes

    def words(self, change: float) -> str:
        if self.what == "epsilon's place":
            return f"an epsilon outside the root in {self.node!r}"
        return f"{self.what} {self.value * (1 + change):.3g} for {self.value:.6g} in {self.node!r}"


def constants(model: ModelProto) -> tuple[Constant, ...]:
    """The constants of the main graph that may be looked for, in the order of its nodes. Numbers
    that are held exactly everywhere (integers and halves of them) are left out."""
    weights = perturbable(model)
    found: dict[tuple[str, str], Constant] = {}
    for node in model.graph.node:
        for one in (*_epsilons(node, weights), *_factors(node, weights)):
            found.setdefault((one.tensor or one.node, one.what), one)
    return tuple(found.values())


def _name(node: NodeProto) -> str:
    return node.name or node.output[0]


def _epsilon(node: NodeProto) -> float:
    return next((float(a.f) for a in node.attribute if a.name == "epsilon"), DEFAULT_EPSILON)


def _epsilons(node: NodeProto, weights: Mapping[str, TensorProto]) -> Iterator[Constant]:
    if node.op_type not in NORMS or node.domain or not _epsilon(node):
        return
    value = _epsilon(node)
    yield Constant(node.output[0], "epsilon", value, OTHER_EPSILON, LARGEST_EPSILON)
    if node.op_type == "BatchNormalization" and node.input[VARIANCE] in weights:
        yield Constant(
            node.output[0], "epsilon's place", value, OTHER_EPSILON, LARGEST_EPSILON,
            node.input[VARIANCE],
        )  # fmt: skip


def _factors(node: NodeProto, weights: Mapping[str, TensorProto]) -> Iterator[Constant]:
    for name in node.input if node.op_type in ARITHMETIC and not node.domain else ():
        if name not in weights or int(np.prod(weights[name].dims)) != 1:
            continue
        value = float(nph.to_array(weights[name]).item())
        if np.isfinite(value) and 2 * value != round(2 * value):
            yield Constant(
                node.output[0], "a constant of", value, FIVE_DIGITS, LARGEST_CHANGE, name
            )


@dataclass(frozen=True)
class Directions:
    """On the sampled elements of all outputs on all sets of inputs: `scatter`, the errors of runs
    that only round (runs, elements); for each constant a row of `moves` (constants, elements), what
    a change by one unit does. All are in units of rounding's own size at each element."""

    constants: tuple[Constant, ...]
    sample: Sample
    scatter: Array
    moves: Array


def directions(
    model: ModelProto,
    inputs: Sequence[Mapping[str, Array]],
    truth: Sequence[Mapping[str, Array]],
    *,
    seed: int = 0,
    runs: int = RUNS,
    threads: int = 0,
) -> Directions | None:
    """The directions of a model's constants on these sets of inputs, whose true outputs are `truth`.

    None where it has no such constant, or none that shows. Raises as floor_runs does.
    """
    suspects = constants(model)
    if not suspects:
        return None
    sample, numbered = Sample(truth), {str(i): arrays for i, arrays in enumerate(inputs)}
    rows: dict[int, dict[int, Mapping[str, Array]]] = {}
    for run, label, outputs in floor_runs(model, numbered, seed=seed, runs=runs, threads=threads):
        rows.setdefault(run, {})[int(label)] = sample.pick(int(label), flatten(outputs))
    errors = np.stack([sample.error(by_set) for by_set in rows.values()])
    sample = sample.scaled(errors)
    trials = _Trials(model, inputs, sample, threads)
    found = [(one, move) for one in suspects if (move := trials.move(one)) is not None]
    if not found:
        return None
    kept, moves = zip(*found, strict=True)
    return Directions(kept, sample, errors * sample.weight, np.stack(moves))


class _Trials:
    """The model run unoptimised, with its weights as inputs, so that one may be changed."""

    def __init__(
        self, model: ModelProto, inputs: Sequence[Mapping[str, Array]], sample: Sample, threads: int
    ) -> None:
        tensors = perturbable(model)
        self._inputs, self._sample, self._threads = inputs, sample, threads
        self._weights = {name: array_of(tensor) for name, tensor in tensors.items()}
        self._bare = skeleton(model, tensors)
        self._session = Session(self._bare, threads)
        self._plain = self._error(self._session, self._weights)

    def move(self, constant: Constant) -> Array | None:
        """What a change of one unit does, weighted; None where nothing shows."""
        by = constant.least
        while True:
            moved = self._changed(constant, by) - self._plain
            size = float(np.sqrt(np.mean(np.square(moved))))
            if size >= CLEAR or by * STEP > constant.most:
                return moved / by if size * STEP >= CLEAR else None
            by *= STEP

    def _error(self, session: Session, weights: Mapping[str, Array]) -> Array:
        outputs = {
            index: self._sample.pick(index, flatten(session.run({**weights, **arrays})))
            for index, arrays in enumerate(self._inputs)
        }
        return np.asarray(self._sample.error(outputs) * self._sample.weight)

    def _changed(self, constant: Constant, by: float) -> Array:
        if not constant.tensor:
            session = Session(_with_epsilon(self._bare, constant, by), self._threads)
            return self._error(session, self._weights)
        array = self._weights[constant.tensor].astype(np.float64)
        if constant.what == "epsilon's place":  # (sqrt(v) + e)^2 - e, but for e^2
            changed = array + by * constant.value * (2 * np.sqrt(np.abs(array)) - 1)
        else:
            changed = array * (1 + by)
        given = {**self._weights, constant.tensor: changed.astype(np.float32)}
        return self._error(self._session, given)


def _with_epsilon(bare: ModelProto, constant: Constant, by: float) -> ModelProto:
    other = ModelProto()
    other.CopyFrom(bare)
    node = next(one for one in other.graph.node if constant.node in one.output)
    kept = [a for a in node.attribute if a.name != "epsilon"]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("epsilon", constant.value * (1 + by))])
    return other
