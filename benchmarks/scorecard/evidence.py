"""What a subject is judged by: inputs, the float64 truth, float32 runs for the floor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx import ModelProto

from interop.graph.canonical import signature_of
from interop.parity.floor.constants import Directions, directions
from interop.parity.floor.noise import Noise, measure_noise
from interop.parity.floor.runs import floor_runs
from interop.parity.inputs.quick import RECIPES
from interop.parity.inputs.sets import InputSet
from interop.parity.inputs.wide import wide_input_sets
from interop.parity.truth.evaluator import Truth
from interop.parity.verdict.compare import OutputParity, compare_outputs
from interop.parity.verdict.grade import Grade, grade
from interop.parity.verdict.proof import prove
from interop.parity.verdict.suspicion import blamed, suspects, suspicion
from interop.workers.tensors import read_tensors, write_tensors
from scorecard.edit import Array
from scorecard.subjects import Subject, bounds, prepare, usual_sizes

Outputs = Mapping[str, Array]

#: The first of the wide sets are those that every conversion is proved on.
QUICK = len(RECIPES)

THREADS = 1


@dataclass(frozen=True)
class Suspected:
    """A verdict on all the inputs together, as a Proof."""

    name: str
    inputs: str
    worst: OutputParity
    hop: str = "none"


@dataclass(frozen=True)
class Evidence:
    """Set by set: inputs, truth, ONNX Runtime's plain run, the floor. `folder` holds the inputs and
    the plain runs on disk, for those who read files."""

    model: ModelProto
    path: Path
    folder: Path
    sets: tuple[InputSet, ...]
    truth: tuple[Outputs, ...]
    plain: tuple[Outputs, ...]
    noise: tuple[Mapping[str, Noise], ...]
    _directions: dict[int, Directions | None] = field(default_factory=dict)

    def directions(self, count: int) -> Directions | None:
        """Of the model's constants, on the first `count` sets; worked out when first asked for."""
        if count not in self._directions:
            inputs = [one.arrays for one in self.sets[:count]]
            self._directions[count] = directions(
                self.model, inputs, self.truth[:count], threads=THREADS
            )
        return self._directions[count]

    def folders(self, name: str, count: int = QUICK) -> list[str]:
        return [str(self.folder / name / str(index)) for index in range(min(count, len(self.sets)))]

    def grade(self, candidates: Sequence[Outputs]) -> Grade:
        """Our verdict on what a candidate gave for the first sets, as of any check."""
        count = len(candidates)
        parities = [
            parity
            for truth, given, noise in zip(self.truth, candidates, self.noise, strict=False)
            for parity in compare_outputs(truth, given, noise)
        ]
        if suspects(parities) and (known := self.directions(count)) is not None:
            found = suspicion(known, candidates)
            if found is not None:
                worst = blamed(found.words, parities)
                return grade([Suspected(worst.name, "all inputs", worst)])
        proofs = [
            proof
            for index, given in enumerate(candidates)
            for proof in prove(
                self.sets[index].label,
                self.truth[index],
                self.plain[index],
                given,
                self.noise[index],
            )
        ]
        return grade(proofs)


def gather(subject: Subject, cache: Path) -> Evidence:
    """The evidence of `subject`, computed once and kept below `cache`.

    Raises what preparing the subject, its inputs or its truth raises.
    """
    path = prepare(subject, cache)
    model = onnx.load(path)
    folder = cache / "evidence" / subject.name
    if not (folder / "labels.json").exists():
        _compute(subject, model, folder)
    labels = json.loads((folder / "labels.json").read_text())
    return _load(model, path, folder, labels)


def evidence_of(
    model: ModelProto, path: Path, folder: Path, sets: Sequence[InputSet], threads: int = THREADS
) -> Evidence:
    """The evidence of any canonical model on any inputs, written into `folder`."""
    for name, arrays in ((f"inputs/{i}", one.arrays) for i, one in enumerate(sets)):
        write_tensors(folder / name, arrays)
    truth = Truth(model)
    for index, one in enumerate(sets):
        write_tensors(folder / f"truth/{index}", truth.run(one.arrays))
    numbered = {str(index): one.arrays for index, one in enumerate(sets)}
    for run, index_, outputs in floor_runs(model, numbered, threads=threads):
        write_tensors(folder / f"floor/{index_}/{run}", outputs)
        if run == 0:
            write_tensors(folder / f"plain/{index_}", outputs)
    labels = [one.label for one in sets]
    (folder / "labels.json").write_text(json.dumps(labels))
    return _load(model, path, folder, labels)


def _compute(subject: Subject, model: ModelProto, folder: Path) -> None:
    signature = signature_of(ir.from_proto(model))
    open_dims = {
        dim for spec in signature.inputs for dim in spec.shape or () if isinstance(dim, str)
    }
    sets = wide_input_sets(
        model, signature, sizes=usual_sizes(subject, open_dims), bounds=bounds(subject)
    )
    evidence_of(model, folder, folder, sets)


def _load(model: ModelProto, path: Path, folder: Path, labels: Sequence[str]) -> Evidence:
    sets, truths, plain, noise = [], [], [], []
    for index, label in enumerate(labels):
        sets.append(InputSet(label, dict(read_tensors(folder / f"inputs/{index}"))))
        truth = read_tensors(folder / f"truth/{index}")
        runs = [read_tensors(run) for run in sorted((folder / f"floor/{index}").iterdir())]
        truths.append(truth)
        plain.append(runs[0])
        noise.append(
            {name: measure_noise(truth[name], [run[name] for run in runs]) for name in truth}
        )
    return Evidence(model, path, folder, tuple(sets), tuple(truths), tuple(plain), tuple(noise))
