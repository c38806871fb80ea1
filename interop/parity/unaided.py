"""Checks of a backend that need no reference: it is held against itself.

A second run equals the first, identical rows of a batch agree, a batch equals its rows run alone, an
artifact that is built again equals itself. Equal means to the last bit, or at least to within what
rounding does: the floor is measured only where bits differ. Where rows of a batch act upon each
other by design (a reduction over the batch), the float64 truth shows it too, and nobody is blamed.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto

from interop.errors import ParityFailed
from interop.output import digest
from interop.parity.floor.noise import Noise, measure_noise
from interop.parity.floor.runs import floor_runs
from interop.parity.inputs.recipes import open_dims
from interop.parity.inputs.sets import InputSet
from interop.parity.inputs.values import Array, is_float
from interop.parity.truth.evaluator import Truth
from interop.parity.verdict.compare import OutputParity, compare_outputs
from interop.signature import Signature

Arrays = Mapping[str, Array]
Run = Callable[[Arrays], Arrays]

#: Copies of a row in a batch: enough that blocked kernels meet their remainder.
COPIES = 5


class Outcome(enum.StrEnum):
    EQUAL = "equal"
    ROUNDING = "equal to within rounding"
    BY_DESIGN = "different by design"
    NOT_APPLICABLE = "not applicable"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Finding:
    """What one check showed on one input set; `outputs` is the evidence where bits differ."""

    check: str
    inputs: str
    outcome: Outcome
    reason: str
    outputs: tuple[OutputParity, ...] = ()

    @property
    def passes(self) -> bool:
        return self.outcome is not Outcome.DIFFERENT

    def to_json(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "inputs": self.inputs,
            "outcome": self.outcome.value,
            "passes": self.passes,
            "reason": self.reason,
            "outputs": [parity.to_json() for parity in self.outputs],
        }


@dataclass(frozen=True)
class Yardstick:
    """What a difference is measured by: both are asked only where there is one."""

    truth: Run
    floor: Callable[[Arrays], Mapping[str, Noise]]


def yardstick(model: ModelProto, *, seed: int = 0) -> Yardstick:
    """That of a canonical model. Raises UnsupportedOperator where it has no true value."""
    truth = Truth(model)

    def floor(arrays: Arrays) -> Mapping[str, Noise]:
        true = truth.run(arrays)
        runs = [outputs for _, _, outputs in floor_runs(model, {"": arrays}, seed=seed)]
        return {name: measure_noise(true[name], [run[name] for run in runs]) for name in true}

    return Yardstick(truth.run, floor)


def batch_axes(signature: Signature) -> dict[str, int]:
    """The axis of the batch in each input that has one; empty if every dimension is fixed.

    The batch is the dynamic dimension that is called so, or else the first that leads an input, or
    else the first.
    """
    dims = [(spec.name, axis, name) for spec in signature.inputs for axis, name in open_dims(spec)]
    called = [name for _, _, name in dims if "batch" in name.lower()]
    leading = [name for _, axis, name in dims if axis == 0]
    batch = next(iter([*called, *leading, *(name for _, _, name in dims)]), None)
    return {spec: axis for spec, axis, name in reversed(dims) if name == batch}


def second_runs(run: Run, sets: Sequence[InputSet], measure: Yardstick) -> tuple[Finding, ...]:
    """Every set run, then every set again: what a run leaves behind shows in the second round."""
    first = [dict(run(one.arrays)) for one in sets]
    return tuple(
        _agree("second run", one.label, one.arrays, before, run(one.arrays), measure)
        for one, before in zip(sets, first, strict=True)
    )


def identical_rows(run: Run, one: InputSet, axes: Mapping[str, int], measure: Yardstick) -> Finding:
    """A batch of copies of the set's first row gives copies of one result. `axes`: batch_axes."""
    check = "identical rows"
    if not axes:
        return _no_batch(check, one)
    alone = _row(one.arrays, axes, 0)
    copies = {n: np.repeat(a, COPIES, axes[n]) if n in axes else a for n, a in alone.items()}

    def halves(execute: Run) -> tuple[Arrays, Arrays]:
        batch, single = execute(copies), execute(alone)
        found = _output_axes(batch, single, COPIES)
        firsts = {n: np.split(batch[n], COPIES, axis)[0] for n, axis in found.items()}
        tiled = {n: np.concatenate([firsts[n]] * COPIES, axis) for n, axis in found.items()}
        return tiled, {n: batch[n] for n in found}

    return _by_rows(check, one.label, copies, halves, run, measure)


def rows_alone(run: Run, one: InputSet, axes: Mapping[str, int], measure: Yardstick) -> Finding:
    """The set's batch gives what its rows give one by one. `axes`: batch_axes."""
    check = "rows alone"
    rows = min((one.arrays[name].shape[axis] for name, axis in axes.items()), default=1)
    if rows < 2:
        return _no_batch(check, one)

    def halves(execute: Run) -> tuple[Arrays, Arrays]:
        batch = execute(one.arrays)
        singles = [execute(_row(one.arrays, axes, row)) for row in range(rows)]
        found = _output_axes(batch, singles[0], rows)
        joined = {n: np.concatenate([s[n] for s in singles], a) for n, a in found.items()}
        return joined, {n: batch[n] for n in found}

    return _by_rows(check, one.label, one.arrays, halves, run, measure)


def rebuilt(
    paths: tuple[Path, Path], runs: tuple[Run, Run], sets: Sequence[InputSet], measure: Yardstick
) -> tuple[Finding, ...]:
    """An artifact built twice from one model, file or folder: of one digest, or else of one result.

    `runs` load and run the first and the second; they are called only where the digests differ.
    """
    check, digests = "rebuilt artifact", [digest(path) for path in paths]
    if digests[0] == digests[1]:
        reason = f"both have the SHA-256 digest {digests[0]}"
        return (Finding(check, "", Outcome.EQUAL, reason),)
    first, second = runs
    return tuple(
        _agree(check, one.label, one.arrays, first(one.arrays), second(one.arrays), measure)
        for one in sets
    )


def _row(arrays: Arrays, axes: Mapping[str, int], row: int) -> dict[str, Array]:
    return {
        n: np.take(a, [row], axis=axes[n]) if n in axes else np.asarray(a)
        for n, a in arrays.items()
    }


def _output_axes(batch: Arrays, single: Arrays, rows: int) -> dict[str, int]:
    """The axis of each output that grows with the batch; one that does not has no rows."""
    found = {}
    for name in batch:
        if name not in single or batch[name].ndim != single[name].ndim:
            continue
        pairs = zip(batch[name].shape, single[name].shape, strict=True)
        grown = [axis for axis, (many, few) in enumerate(pairs) if many != few]
        if len(grown) == 1 and batch[name].shape[grown[0]] == rows * single[name].shape[grown[0]]:
            found[name] = grown[0]
    return found


def _by_rows(
    check: str,
    label: str,
    arrays: Arrays,
    halves: Callable[[Run], tuple[Arrays, Arrays]],
    run: Run,
    measure: Yardstick,
) -> Finding:
    reference, candidate = halves(run)
    if not reference:
        reason = "no output has a row for each row of the inputs"
        return Finding(check, label, Outcome.NOT_APPLICABLE, reason)
    finding = _agree(check, label, arrays, reference, candidate, measure)
    blamed = {parity.name for parity in finding.outputs if not parity.verdict.passes}
    if finding.passes or not blamed:
        return finding
    true = halves(measure.truth)
    noise = measure.floor(arrays)
    rounded = {n: a.astype(candidate[n].dtype) for n, a in true[1].items() if n in blamed}
    held = compare_outputs({n: true[0][n] for n in blamed}, rounded, noise, scale=math.sqrt(2))
    if any(parity.verdict.passes for parity in held):
        return finding
    reason = (
        f"so they do in exact arithmetic: rows act upon each other in {', '.join(sorted(blamed))}"
    )
    return Finding(check, label, Outcome.BY_DESIGN, reason, finding.outputs)


def _agree(
    check: str, label: str, arrays: Arrays, reference: Arrays, candidate: Arrays, measure: Yardstick
) -> Finding:
    """`candidate` against `reference`, both outputs of one backend on `arrays`."""
    if reference.keys() == candidate.keys() and all(
        _same(array, candidate[name]) for name, array in reference.items()
    ):
        return Finding(check, label, Outcome.EQUAL, "every output is equal to the last bit")
    known = {n: a.astype(np.float64) if is_float(a.dtype.name) else a for n, a in reference.items()}
    noise = measure.floor(arrays)
    if known.keys() - noise.keys():
        raise ParityFailed(
            f"the backend gives outputs that the model has not: {sorted(known.keys() - noise.keys())}",
            hint=f"Its outputs are to bear the model's names: {', '.join(noise)}.",
        )
    # Both sides round, so that they may differ by the floor times the square root of 2.
    parities = compare_outputs(known, candidate, noise, scale=math.sqrt(2))
    worst = max(parities, key=lambda one: one.verdict)
    outcome = Outcome.ROUNDING if worst.verdict.passes else Outcome.DIFFERENT
    return Finding(check, label, outcome, f"output {worst.name!r}: {worst.reason}", parities)


def _same(one: Array, other: Array) -> bool:
    return (
        one.dtype == other.dtype
        and one.shape == other.shape
        and np.asarray(one, order="C").tobytes() == np.asarray(other, order="C").tobytes()
    )


def _no_batch(check: str, one: InputSet) -> Finding:
    reason = "the inputs have no batch of several rows"
    return Finding(check, one.label, Outcome.NOT_APPLICABLE, reason)
