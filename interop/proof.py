"""The proof of a conversion: both ends run on the same inputs, each held against the truth.

Running, comparing and grading are separate: workers write tensors into folders, `interop.parity`
reads them. The truth and the noise floor come from a worker of their own, which computes them while
the target framework is still building.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

from interop.floors import FLOOR_RUNS, Floors
from interop.models import Architecture
from interop.parity.floor.noise import Noise, measure_noise
from interop.parity.floor.precisions import FLOAT32, Precision
from interop.parity.inputs.own import load_input_sets
from interop.parity.inputs.quick import input_sets
from interop.parity.inputs.roles import roles
from interop.parity.inputs.sets import InputSet
from interop.parity.inputs.wide import Wide, wide_inputs
from interop.parity.latency import Latency, interleave, latency
from interop.parity.verdict.grade import Grade, grade
from interop.parity.verdict.proof import OutputProof, prove
from interop.progress import Update
from interop.signature import Signature
from interop.workers import Pending, Worker
from interop.workers.tensors import read_tensors, write_tensors

if TYPE_CHECKING:
    from interop.conversion import Request
    from interop.targets import Target

#: Wall seconds for measuring latency, and runs in each of its blocks.
LATENCY_BUDGET = 1.5
LATENCY_BLOCK = 3

_SIGMOIDS = (
    "ONNX Runtime's Sigmoid gives 0 for what is below -18, where the outputs are: the source was run "
    "with it written out as 1 / (1 + exp(-x))"
)


@dataclass(frozen=True)
class Plan:
    """What will be compared, laid out on disk: one folder a set of inputs."""

    canonical: Path
    signature: Signature
    sets: tuple[InputSet, ...]
    folder: Path
    wide: Wide | None = None  # what a wide search for inputs found, where there was one

    def inputs(self) -> list[str]:
        return self._folders("inputs")

    def _folders(self, name: str) -> list[str]:
        return [str(self.folder / name / str(index)) for index in range(len(self.sets))]

    def outputs(self, who: str) -> list[str]:
        return self._folders(f"outputs-{who}")

    def forget_artifact(self) -> None:
        """Make room for the tensors of another artifact."""
        for name in ("handed", "outputs-artifact"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def artifact(self) -> list[dict[str, Any]]:
        """What the artifact gave for each set, as it gave it."""
        return [read_tensors(folder) for folder in self.outputs("artifact")]


@dataclass(frozen=True)
class Parity:
    """The evidence and the grade that it gives; precision: whose floor the artifact was held to; notes:
    what is to be known of how it was got."""

    sets: tuple[InputSet, ...]
    proofs: tuple[OutputProof, ...]
    grade: Grade
    precision: Precision = FLOAT32
    notes: tuple[str, ...] = ()


def plan(
    canonical: Path,
    signature: Signature,
    architecture: Architecture | None,
    request: Request,
    folder: Path,
    given: tuple[InputSet, ...] | None = None,
) -> Plan:
    """Choose the inputs (`given`, the user's own, or drawn by seed) and write them to disk."""
    wide = None
    if given is not None:
        sets = given
    else:
        bounds, sizes = {}, dict(request.sizes)
        if architecture is not None:
            bounds = {i.name: i.below for i in architecture.inputs if i.below is not None}
            # An exporter may have had to fix a dimension that the definition leaves open.
            open_ones = {dim for spec in signature.inputs for dim in spec.shape or ()}
            usual = {d: size for d, size in architecture.sizes.items() if d in open_ones}
            sizes = {**usual, **sizes}
        model = onnx.load(canonical, load_external_data=request.wide)
        if request.data is not None:
            found = roles(model, bounds)
            sets = load_input_sets(
                request.data, signature, found, seed=request.seed, non_finite=request.non_finite
            )
        elif request.wide:
            wide = wide_inputs(
                model, signature, seed=request.seed, sizes=sizes, bounds=bounds,
                non_finite=request.non_finite,
            )  # fmt: skip
            sets = wide.sets
        else:
            sets = input_sets(model, signature, seed=request.seed, sizes=sizes, bounds=bounds)
    made = Plan(canonical, signature, sets, folder, wide)
    for one, target in zip(sets, made.inputs(), strict=True):
        write_tensors(target, one.arrays)
    return made


class Evidence:
    """Outputs of everybody, gathered as they become ready. file: of a source that is ONNX."""

    def __init__(
        self, plan: Plan, checker: Worker, source: Worker, seed: int, file: Path | None = None
    ) -> None:
        self._plan, self._checker, self._source, self._seed = plan, checker, source, seed
        self._file = file
        self._running: Pending | None = None
        self._truth: Pending | None = None
        self._floor: Pending | None = None

    def run_source(self) -> None:
        """Set the source's own runs going; one at a time on the cores is quickest."""
        plan = self._plan
        self._running = self._source.start(
            "run", inputs=plan.inputs(), outputs=plan.outputs("source")
        )

    def start_truth(self) -> None:
        """Set the float64 evaluation going, if it is not yet; it does not need the artifact."""
        if self._truth is not None:
            return
        assert self._running is not None
        self._running.result()
        self._truth = self._checker.start(
            "truth",
            model=str(self._plan.canonical),
            inputs=self._plan.inputs(),
            outputs=self._plan.outputs("truth"),
        )

    def complete(self) -> None:
        """Wait for all that needs no artifact: the source's runs, the truth and the floor."""
        self.start_truth()
        assert self._truth is not None
        self._truth.result()
        self._start_floor()
        assert self._floor is not None
        self._floor.result()

    @property
    def written_out(self) -> tuple[str, ...]:
        """The nodes that the truth evaluates as simpler operators, once it is complete."""
        assert self._truth is not None
        return tuple(self._truth.result()["written_out"])

    def judge(
        self, target: Target, prover: Worker, update: Update, precision: Precision = FLOAT32
    ) -> Parity:
        """Run the artifact as it lies on disk, and the source; compare both with the truth. The artifact
        is held to the floor of `precision`, which it is written in."""
        assert self._truth is not None
        plan = self._plan
        update(0.1, "waiting for the float64 truth")
        self._truth.result()
        update(0.5, "measuring the noise floor")
        self._start_floor()
        prover.call("load", path=str(target.artifact))
        handed = hand_over(plan, target)
        prover.call("run", inputs=handed, outputs=plan.outputs("artifact"))
        assert self._floor is not None
        written_out = self._floor.result().get("sigmoids_written_out", False)
        exact = written_out and self._file is not None
        if exact:  # else the runtime's own would be taken for a fault of the model's
            self._source.call(
                "run_sigmoids_written_out", path=str(self._file), inputs=plan.inputs(),
                outputs=plan.outputs("source"),
            )  # fmt: skip
        update(0.9, "comparing")
        outputs = [target.dialect.take_back(one) for one in plan.artifact()]
        parity = hold_against(plan, outputs, precision, Floors(plan, self._checker, self._seed))
        return replace(parity, notes=(_SIGMOIDS,)) if exact else parity

    def _start_floor(self) -> None:
        if self._floor is None:
            self._floor = self._checker.start(
                "floor_runs",
                model=str(self._plan.canonical),
                inputs=self._plan.inputs(),
                outputs=self._plan.outputs("floor"),
                seed=self._seed,
                runs=FLOOR_RUNS,
                truth=self._plan.outputs("truth"),
            )


def hold_against(
    plan: Plan,
    outputs: Sequence[dict[str, Any]],
    precision: Precision = FLOAT32,
    narrower: Floors | None = None,
) -> Parity:
    """The parity of `outputs` (one mapping a set of inputs, under the plan's own names) with the
    source and the truth, which have run already; `narrower` gives the floors of another precision."""
    proofs = [
        proof
        for index, one in enumerate(outputs)
        for proof in _prove_set(plan, index, one, precision, narrower)
    ]
    return Parity(plan.sets, tuple(proofs), grade(proofs), precision)


def _prove_set(
    plan: Plan, index: int, artifact: dict[str, Any], precision: Precision, narrower: Floors | None
) -> Sequence[OutputProof]:
    truth, noise = yardstick(plan, index)
    source = read_tensors(plan.outputs("source")[index])
    coarser = None
    if precision != FLOAT32:
        assert narrower is not None
        coarser = narrower.measure(precision, index, truth)
    return prove(plan.sets[index].label, truth, source, artifact, noise, artifact_noise=coarser)


def yardstick(plan: Plan, index: int) -> tuple[dict[str, Any], dict[str, Noise]]:
    """The true outputs on one set of inputs, and their floors, once both have been worked out."""
    truth = read_tensors(plan.outputs("truth")[index])
    floor = Path(plan.outputs("floor")[index])
    runs = [read_tensors(floor / str(number)) for number in range(len(list(floor.iterdir())))]
    return truth, {name: measure_noise(truth[name], [run[name] for run in runs]) for name in truth}


def measure_latency(plan: Plan, source: Worker, prover: Worker, target: Target) -> Latency:
    """Source and artifact on the first set of inputs, taking turns; the ratio is artifact's over
    source's."""
    theirs, ours = plan.inputs()[0], hand_over(plan, target)[0]

    def block(worker: Worker, folder: str) -> list[float]:
        seconds: list[float] = worker.call("time", inputs=folder, runs=LATENCY_BLOCK, warmup=1)[
            "seconds"
        ]
        return seconds

    samples = interleave(
        lambda: block(source, theirs), lambda: block(prover, ours), budget=LATENCY_BUDGET
    )
    return latency(samples)


def hand_over(plan: Plan, target: Target) -> list[str]:
    """The inputs as the artifact takes them: under its names, in its layout."""
    folders = []
    for index, one in enumerate(plan.sets):
        folder = plan.folder / "handed" / str(index)
        write_tensors(folder, target.dialect.hand_over(one.arrays))
        folders.append(str(folder))
    return folders
