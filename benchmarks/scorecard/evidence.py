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
from interop.parity.verdict.proof import abreast
from interop.parity.verdict.suspicion import blamed, suspects, suspicion
from interop.workers.tensors import read_tensors, write_tensors
from scorecard.edit import Array
from scorecard.subjects import Subject, bounds, prepare, usual_sizes

Outputs = Mapping[str, Array]

#: The first of the wide sets are those that every conversion is proved on.
QUICK = len(RECIPES)

THREADS = 1


@dataclass(frozen=True)
class Compared:
    """One comparison of an output, as a Proof; `own`: of a candidate with the truth."""

    name: str
    inputs: str
    worst: OutputParity
    hop: str = "none"
    own: bool = False


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
    _plain: dict[int, tuple[OutputParity, ...]] = field(default_factory=dict)

    def folders(self, name: str, count: int = QUICK) -> list[str]:
        return [str(self.folder / name / str(index)) for index in range(min(count, len(self.sets)))]

    def compared(self, candidates: Sequence[Outputs], first: int = 0) -> list[Compared]:
        """What a candidate gave for the sets from number `first` on, held against the truth and
        against ONNX Runtime's plain run, which is held against the truth, too: as in any check."""
        found = []
        for index, given in enumerate(candidates, first):
            label, noise = self.sets[index].label, self.noise[index]
            others = abreast(self.plain[index], given, noise)
            own = compare_outputs(self.truth[index], given, noise)
            found += [Compared(one.name, label, one) for one in (*self._of_plain(index), *others)]
            found += [Compared(one.name, label, one, own=True) for one in own]
        return found

    def grade(self, candidates: Sequence[Outputs], found: Sequence[Compared] = ()) -> Grade:
        """Our verdict on what a candidate gave for the first sets; `found`: how that `compared`,
        where it is known."""
        found = found or self.compared(candidates)
        parities = [one.worst for one in found if one.own]
        if suspects(parities) and (known := self._directions_on(len(candidates))) is not None:
            wrong = suspicion(known, candidates)
            if wrong is not None:
                worst = blamed(wrong.words, parities)
                return grade([*found, Compared(worst.name, "all inputs", worst)])
        return grade(found)

    def _of_plain(self, index: int) -> tuple[OutputParity, ...]:
        if index not in self._plain:
            self._plain[index] = compare_outputs(
                self.truth[index], self.plain[index], self.noise[index]
            )
        return self._plain[index]

    def _directions_on(self, count: int) -> Directions | None:
        """Of the model's constants, on the first `count` sets; worked out when first asked for."""
        if count not in self._directions:
            inputs = [one.arrays for one in self.sets[:count]]
            self._directions[count] = directions(
                self.model, inputs, self.truth[:count], threads=THREADS
            )
        return self._directions[count]


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
