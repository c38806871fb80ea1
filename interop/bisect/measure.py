"""A piece of a model, run on the candidate and held against its own truth and floor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import onnx
from onnx import ModelProto, NodeProto

from interop.bisect.candidate import Array, Executor
from interop.errors import InteropError
from interop.parity.floor.emulate import CONTRACTIONS, RECURRENT
from interop.parity.floor.noise import Noise, measure_noise
from interop.parity.floor.precisions import Precision
from interop.parity.floor.runs import floor_runs
from interop.parity.truth.evaluator import Truth
from interop.parity.verdict.compare import OutputParity, Verdict, compare_outputs

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Yardstick:
    """What outputs are held against: their true values (float64) and their floors, by name. unsuited:
    why the precision's floor says nothing of what was run, where that is so."""

    truth: Mapping[str, Array]
    noise: Mapping[str, Noise]
    unsuited: str = ""

    @property
    def doubt(self) -> str:
        """Why what seems wrong by it may be right; empty where it may not."""
        if any(noise.disputed for noise in self.noise.values()):
            return "truth and float32 runs disagree about it: one is wrong"
        return self.unsuited

    def of(self, names: Sequence[str]) -> Yardstick:
        truth, noise = {n: self.truth[n] for n in names}, {n: self.noise[n] for n in names}
        return Yardstick(truth, noise, self.unsuited)


@dataclass(frozen=True)
class Judgement:
    """The outputs of one piece; `failure` says why it could not be run, where that is so."""

    parities: tuple[OutputParity, ...] = ()
    failure: str = ""

    @property
    def wrong(self) -> bool:
        return bool(self.failure) or any(not parity.verdict.passes for parity in self.parities)

    @property
    def worst(self) -> OutputParity | None:
        return max(self.parities, key=_badness, default=None)

    @property
    def reason(self) -> str:
        worst = self.worst
        return self.failure or (f"output {worst.name!r}: {worst.reason}" if worst else "")

    def to_json(self) -> dict[str, Any]:
        return {
            "wrong": self.wrong,
            "failure": self.failure or None,
            "outputs": [parity.to_json() for parity in self.parities],
        }


def _badness(parity: OutputParity) -> tuple[Verdict, float]:
    return parity.verdict, -(parity.effective_bits or 0.0)


def true_values(model: ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of `model` in float64. Raises UnsupportedOperator or InvalidModel, naming a node."""
    return {name: np.asarray(array) for name, array in Truth(model).run(feeds).items()}


def floors(
    model: ModelProto,
    feeds: Mapping[str, Array],
    truth: Mapping[str, Array],
    seed: int,
    precision: Precision,
) -> dict[str, Noise]:
    """The floor of each output in `precision`. Raises InvalidModel where ONNX Runtime cannot run
    `model`, and UnsupportedOperator where the precision cannot be emulated."""
    runs = [
        outputs for _, _, outputs in floor_runs(model, {"": feeds}, seed=seed, precision=precision)
    ]
    return {
        name: measure_noise(truth[name], [run[name] for run in runs], precision) for name in truth
    }


def yardstick(
    model: ModelProto, feeds: Mapping[str, Array], seed: int, precision: Precision
) -> Yardstick:
    """Truth and floor of a whole model."""
    truth = true_values(model, feeds)
    noise = floors(model, feeds, truth, seed, precision)
    return Yardstick(truth, noise, unsuited(model.graph.node, precision))


def unsuited(nodes: Iterable[NodeProto], precision: Precision) -> str:
    """Of int8 only products are emulated, and backends differ in what else they quantise."""
    products = {*CONTRACTIONS, *RECURRENT}
    if not precision.measured or any(node.op_type in products for node in nodes):
        return ""
    return f"the floor of {precision.name} is that of products, and there is none in it"


def judge(
    model: ModelProto, feeds: Mapping[str, Array], executor: Executor, by: Yardstick
) -> Judgement:
    """Run `model` on the candidate and hold what it gives against `by`; a failure is a result."""
    try:
        outputs = executor.run(model, feeds)
    except InteropError as error:
        return Judgement(failure=explained(error))
    return held_against(by, outputs)


def held_against(by: Yardstick, outputs: Mapping[str, Array]) -> Judgement:
    """Every output; one that has no elements, as it should, says nothing."""
    empty = {
        name
        for name, truth in by.truth.items()
        if truth.size == 0 and name in outputs and outputs[name].shape == truth.shape
    }
    left = by.of([name for name in by.truth if name not in empty])
    given = {name: array for name, array in outputs.items() if name not in empty}
    if not left.truth and not given:
        return Judgement()
    return Judgement(compare_outputs(left.truth, given, left.noise))


def explained(error: InteropError) -> str:
    return f"{error.message}: {error.detail}" if error.detail else error.message


def typed(model: ModelProto, feeds: Mapping[str, Array]) -> ModelProto:
    """`model` with inputs that are what they are fed with: with its type, where inference found none,
    and open where a size is declared that is not so (exporters get those of inner values wrong)."""
    for value in model.graph.input:
        array = feeds[value.name]
        if value.type.WhichOneof("value") is None:
            number = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            value.type.CopyFrom(onnx.helper.make_tensor_type_proto(number, array.shape))
        for dim, size in zip(value.type.tensor_type.shape.dim, array.shape, strict=False):
            if dim.HasField("dim_value") and dim.dim_value != size:
                dim.Clear()
    return model


def in_halves(
    things: Sequence[Thing], attempt: Callable[[Sequence[Thing]], Mapping[str, Any]]
) -> tuple[dict[str, Any], list[tuple[Thing, InteropError]]]:
    """What `attempt` gives for all things at once, or, where it fails, for each half, down to single
    ones: the results that there are, and the things that fail by themselves with their errors."""
    if not things:
        return {}, []
    try:
        return dict(attempt(things)), []
    except InteropError as error:
        if len(things) == 1:
            return {}, [(things[0], error)]
    middle = len(things) // 2
    first, failed = in_halves(things[:middle], attempt)
    second, failed_too = in_halves(things[middle:], attempt)
    return {**first, **second}, failed + failed_too
