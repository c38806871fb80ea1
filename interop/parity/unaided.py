"""Checks of a backend that need no reference: it is held against itself.

A second run equals the first, identical rows of a batch agree, a batch equals its rows run alone, an
artifact that is built again equals itself. Equal means to the last bit, or at least to within what
rounding does: the floor is measured only where bits differ. Where rows of a batch act upon each
other by design (a reduction over the batch), the float64 truth shows it too, and nobody is blamed.

What is to be run (a Trial) and what is made of it (`judge`) are apart: a backend holds its model for
a short time, and truth and floor may come much later.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from interop.errors import InteropError, ParityFailed
from interop.output import digest
from interop.parity.floor.noise import Noise
from interop.parity.inputs.recipes import open_dims
from interop.parity.inputs.sets import InputSet
from interop.parity.inputs.values import Array, is_float
from interop.parity.verdict.compare import OutputParity, compare_outputs
from interop.signature import Signature

Arrays = Mapping[str, Array]
Run = Callable[[Arrays], Arrays]

#: Copies of a row in a batch: enough that blocked kernels meet their remainder. A batch that has
#: fewer rows, but several, gives its own number: backends that compile for a shape know that one.
COPIES = 5

#: Rows of a batch that are run alone, spread over it.
ROWS = 4


REBUILT = "rebuilt artifact"


class Outcome(enum.StrEnum):
    EQUAL = "equal"
    ROUNDING = "equal to within rounding"
    BY_DESIGN = "different by design"
    NOT_APPLICABLE = "not applicable"
    DIFFERENT = "different"
    FAILED = "cannot be run"


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
        return self.outcome not in (Outcome.DIFFERENT, Outcome.FAILED)

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
    """What a difference is measured by: both are asked only where there is one. `floor` is in the
    precision that the backend is declared to run in."""

    truth: Run
    floor: Callable[[Arrays], Mapping[str, Noise]]


@dataclass(frozen=True)
class Trial:
    """What has to be run for one check, and how the outputs of that fall into two halves that have to
    agree. known: the first of `feeds` are the set's own arrays, and whoever has run these has the
    outputs. reason: why the check cannot be made, where that is so; there is nothing to run then.
    """

    check: str
    label: str
    feeds: tuple[Arrays, ...] = ()
    halves: Callable[[Sequence[Arrays]], tuple[Arrays, Arrays]] = tuple  # type: ignore[assignment]
    known: bool = True
    reason: str = ""


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


def rows_of(one: InputSet, axes: Mapping[str, int]) -> int:
    """Rows of the set's batch; 1 where it has none. `axes`: batch_axes."""
    return min((one.arrays[name].shape[axis] for name, axis in axes.items()), default=1)


def second_run(one: InputSet) -> Trial:
    """The set again. Run other sets in between: what a run leaves behind shows then."""
    return Trial("second run", one.label, (one.arrays, one.arrays))


def identical_rows(one: InputSet, axes: Mapping[str, int]) -> Trial:
    """A batch of copies of the set's first row gives copies of one result. `axes`: batch_axes."""
    check = "identical rows"
    if not axes:
        return _no_batch(check, one)
    rows = rows_of(one, axes)
    count = rows if 1 < rows < COPIES else COPIES
    alone = _row(one.arrays, axes, 0)
    copies = {n: np.repeat(a, count, axes[n]) if n in axes else a for n, a in alone.items()}

    def halves(outputs: Sequence[Arrays]) -> tuple[Arrays, Arrays]:
        batch, single = outputs
        found = _output_axes(batch, single, count)
        firsts = {n: np.split(batch[n], count, axis)[0] for n, axis in found.items()}
        tiled = {n: np.concatenate([firsts[n]] * count, axis) for n, axis in found.items()}
        return tiled, {n: batch[n] for n in found}

    return Trial(check, one.label, (copies, alone), halves, known=False)


def rows_alone(one: InputSet, axes: Mapping[str, int]) -> Trial:
    """The set's batch gives what its rows give one by one, a few of them. `axes`: batch_axes."""
    check = "rows alone"
    rows = rows_of(one, axes)
    if rows < 2:
        return _no_batch(check, one)
    places = sorted({round(place) for place in np.linspace(0, rows - 1, min(rows, ROWS))})

    def halves(outputs: Sequence[Arrays]) -> tuple[Arrays, Arrays]:
        batch, *singles = outputs
        found = _output_axes(batch, singles[0], rows)
        joined = {n: np.array(batch[n], dtype=singles[0][n].dtype) for n in found}
        for single, place in zip(singles, places, strict=True):
            for name, axis in found.items():
                size = batch[name].shape[axis] // rows
                where = (slice(None),) * axis + (slice(place * size, (place + 1) * size),)
                joined[name][where] = single[name]
        return joined, {n: batch[n] for n in found}

    feeds = (one.arrays, *(_row(one.arrays, axes, place) for place in places))
    return Trial(check, one.label, feeds, halves)


def judge(trial: Trial, outputs: Sequence[Arrays], measure: Yardstick) -> Finding:
    """What the outputs for the trial's feeds show.

    Raises ParityFailed where outputs are among them that the model has not.
    """
    if trial.reason:
        return Finding(trial.check, trial.label, Outcome.NOT_APPLICABLE, trial.reason)
    reference, candidate = trial.halves(outputs)
    if not reference:
        reason = "no output has a row for each row of the inputs"
        return Finding(trial.check, trial.label, Outcome.NOT_APPLICABLE, reason)
    arrays = trial.feeds[0]
    finding = agree(trial.check, trial.label, arrays, reference, candidate, measure)
    blamed = {parity.name for parity in finding.outputs if not parity.verdict.passes}
    if finding.passes or not blamed:
        return finding
    true = trial.halves([measure.truth(feed) for feed in trial.feeds])
    if not blamed <= true[0].keys() & true[1].keys() & candidate.keys():
        return finding
    noise = measure.floor(arrays)
    rounded = {n: a.astype(candidate[n].dtype) for n, a in true[1].items() if n in blamed}
    held = compare_outputs({n: true[0][n] for n in blamed}, rounded, noise, scale=math.sqrt(2))
    if any(parity.verdict.passes for parity in held):
        return finding
    reason = (
        f"so they do in exact arithmetic: rows act upon each other in {', '.join(sorted(blamed))}"
    )
    return Finding(trial.check, trial.label, Outcome.BY_DESIGN, reason, finding.outputs)


def of_one_digest(first: Path, second: Path) -> Finding | None:
    """An artifact built twice from one model, file or folder: equal if the digests are; None where
    they differ (a timestamp is enough), and what the two give has to be held to each other."""
    digests = [digest(path) for path in (first, second)]
    if digests[0] != digests[1]:
        return None
    return Finding(REBUILT, "", Outcome.EQUAL, f"both have the SHA-256 digest {digests[0]}")


def not_run(trial: Trial, error: InteropError, measure: Yardstick) -> Finding:
    """The backend ran the sets themselves, but not this. Where the model itself does not go with such
    inputs (a size that it takes for granted), there is no truth of them either."""
    try:
        for feed in trial.feeds:
            measure.truth(feed)
    except InteropError as also:
        reason = f"the model cannot be evaluated so: {also.message}"
        return Finding(trial.check, trial.label, Outcome.NOT_APPLICABLE, reason)
    return Finding(trial.check, trial.label, Outcome.FAILED, error.message)


def agree(
    check: str, label: str, arrays: Arrays, reference: Arrays, candidate: Arrays, measure: Yardstick
) -> Finding:
    """`candidate` against `reference`, both outputs of one backend on `arrays`.

    Raises ParityFailed where outputs are among them that the model has not.
    """
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


def _same(one: Array, other: Array) -> bool:
    return (
        one.dtype == other.dtype
        and one.shape == other.shape
        and np.asarray(one, order="C").tobytes() == np.asarray(other, order="C").tobytes()
    )


def _no_batch(check: str, one: InputSet) -> Trial:
    return Trial(check, one.label, reason="the inputs have no batch of several rows")
