"""Compare what a backend gave with what is true, in units of what rounding alone does.

Order matters: names, then shape and dtype, then infinities and NaNs, and only then figures. An
output that fails an earlier step is *not comparable*, and that is a failure with a reason, never
a skip. The verdict of a model is that of its worst output.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.errors import ParityFailed
from interop.parity.floor.groups import Array
from interop.parity.floor.noise import UNSTABLE_SHARE, Multiple, Noise
from interop.parity.floor.precisions import FLOAT32, Precision
from interop.parity.verdict.consistency import Consistency, consistency
from interop.parity.verdict.elements import error_of, flatten, is_float, rounded_to, same_pattern
from interop.parity.verdict.evidence import Moved
from interop.parity.verdict.figures import Figures, figures

#: What loses more than this share of its bits no longer computes the same function (of float32's
#: 24, those that bfloat16 has are left).
DIVERGENT_SHARE = 2 / 3

#: The floors of another precision, by output.
Floors = Callable[[Precision], Mapping[str, Noise]]


class Verdict(enum.IntEnum):
    """From best to worst."""

    EXACT = 0
    FAITHFUL = 1
    UNSTABLE = 2
    REDUCED_PRECISION = 3
    DIVERGENT = 4
    NOT_COMPARABLE = 5

    @property
    def word(self) -> str:
        return self.name.lower().replace("_", " ")

    @property
    def passes(self) -> bool:
        return self <= Verdict.UNSTABLE


@dataclass(frozen=True)
class OutputParity:
    """One output on one input set. `effective_bits`, of the `bits` that there were in `precision`,
    is None where no comparison could be made, and `interval` says how well the floor's few runs
    determine it. `mismatched` counts differing integers, booleans and non-finite values; `moved`
    are elements that rounding alone moves, the evidence of an unstable output; `consistency` is
    known where an output is not faithful and the floors of other precisions can be had."""

    name: str
    verdict: Verdict
    reason: str
    effective_bits: float | None = None
    figures: Figures | None = None
    multiple: Multiple | None = None
    mismatched: int = 0
    precision: str = FLOAT32.name
    bits: float = FLOAT32.bits
    interval: tuple[float, float] | None = None
    moved: tuple[Moved, ...] = ()
    consistency: Consistency | None = None

    @property
    def lost(self) -> float:
        """Bits lost beyond what rounding costs everybody in this precision."""
        if self.multiple is not None:
            return math.log2(max(1.0, self.multiple.worst))
        return 0.0 if self.effective_bits is None else self.bits - self.effective_bits

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": self.verdict.word,
            "reason": self.reason,
            "precision": self.precision,
            "bits": self.bits,
            "effective_bits": self.effective_bits,
            "interval": list(self.interval) if self.interval else None,
            "figures": self.figures.to_json() if self.figures else None,
            "error_over_floor": self.multiple.to_json() if self.multiple else None,
            "mismatched": self.mismatched,
            "moved_by_rounding": [one.to_json() for one in self.moved],
            "consistency": self.consistency.to_json() if self.consistency else None,
        }


def compare_outputs(
    reference: Mapping[str, Array],
    candidate: Mapping[str, Array],
    noise: Mapping[str, Noise],
    *,
    scale: float = 1.0,
    floors: Floors | None = None,
) -> tuple[OutputParity, ...]:
    """Every output of `reference`, and every one that only `candidate` has, compared.

    `reference` is the truth (float64), or the outputs of another backend with `scale` the factor
    on the floor (the square root of 2: both sides round). The precision that `candidate` is held
    to is that of `noise`. `floors` gives those of others, and is called only where an output is
    not faithful. A sequence is compared element by element, under the names that flatten gives.
    Raises ParityFailed with no outputs.
    """
    if not reference:
        raise ParityFailed(
            "there is no output to compare",
            hint="A model needs at least one output; check the reference run.",
        )
    reference, candidate = flatten(reference), flatten(candidate)
    compared = []
    for name, wanted in reference.items():
        if name not in candidate:
            compared.append(_not_comparable(name, "the output is missing"))
            continue
        found = compare(name, wanted, candidate[name], noise[name], scale=scale)
        if floors is not None and found.multiple is not None and not found.verdict.passes:
            found = _explained(found, wanted, candidate[name], floors, noise[name], scale)
        compared.append(found)
    extra = [name for name in candidate if name not in reference]
    return (*compared, *(_not_comparable(n, "the reference has no such output") for n in extra))


def _explained(
    parity: OutputParity,
    reference: Array,
    candidate: Array,
    floors: Floors,
    noise: Noise,
    scale: float,
) -> OutputParity:
    found = consistency(
        reference,
        candidate,
        lambda precision: floors(precision)[parity.name],
        declared=noise.precision,
        scale=scale,
    )
    return dataclasses.replace(parity, consistency=found, reason=f"{parity.reason}; {found.words}")


def compare(
    name: str, reference: Array, candidate: Array, noise: Noise, *, scale: float = 1.0
) -> OutputParity:
    """One output against its reference.

    The error is measured as the multiple of the floor that noise.py defines, and
    effective_bits = bits - log2(max(1, multiple)), not below 0: what remains of the bits of the
    precision (24 in float32) when those that rounding costs every backend are not held against
    this one.
    """
    parity = _compare(name, reference, candidate, noise, scale)
    return dataclasses.replace(parity, precision=noise.precision.name, bits=noise.bits)


def _compare(
    name: str, reference: Array, candidate: Array, noise: Noise, scale: float
) -> OutputParity:
    problem = _incomparable(reference, candidate, noise)
    if problem:
        return _not_comparable(name, problem)
    if not candidate.shape == reference.shape == noise.shaky.shape:
        reason = f"rounding alone changes its shape ({_listed(noise.shapes)})"
        return OutputParity(name, Verdict.UNSTABLE, reason)
    if not is_float(candidate.dtype):
        return _compare_discrete(name, reference, candidate, noise)
    wanted = rounded_to(reference, candidate.dtype)
    given = candidate.astype(np.float64)
    wrong = ~same_pattern(wanted, given)
    if np.any(wrong & ~noise.shaky):
        return _non_finite(name, wanted, given, wrong & ~noise.shaky)
    return _compare_floats(name, reference, candidate, noise, wrong, scale)


def _incomparable(reference: Array, candidate: Array, noise: Noise) -> str:
    allowed = noise.precision.storage if noise.dtype == FLOAT32.name else (noise.dtype,)
    if candidate.dtype.name not in allowed:
        return f"dtype is {candidate.dtype.name}, should be {noise.dtype}"
    if candidate.shape != reference.shape and tuple(candidate.shape) not in noise.shapes:
        return f"shape is {list(candidate.shape)}, should be {list(reference.shape)}"
    if noise.disputed:
        return (
            "the true value and the float32 runs of ONNX Runtime disagree by more than rounding "
            "explains: one of them is wrong about this model, and there is no floor to measure by"
        )
    if reference.size == 0 or candidate.size == 0:
        return "the output has no elements: there is nothing to compare"
    return ""


def _compare_discrete(name: str, reference: Array, candidate: Array, noise: Noise) -> OutputParity:
    """Integers, booleans and text are exact, or wrong; but for those that rounding flips."""
    differs = np.asarray(candidate != reference)
    count = int(np.sum(differs))
    if count == 0:
        return OutputParity(name, Verdict.EXACT, "every element is equal", noise.bits)
    share = f"{count} of {candidate.size} elements differ"
    if not np.any(differs & ~noise.shaky):
        reason = f"{share}, all of them where rounding alone flips the value"
        moved = _given(noise.moved, candidate)
        return OutputParity(name, Verdict.UNSTABLE, reason, mismatched=count, moved=moved)
    where = _first(differs & ~noise.shaky)
    reason = f"{share}; first at {where}: {candidate[where]} for {reference[where]}"
    return OutputParity(name, Verdict.DIVERGENT, reason, 0.0, mismatched=count)


def _given(moved: tuple[Moved, ...], candidate: Array) -> tuple[Moved, ...]:
    return tuple(dataclasses.replace(one, given=float(candidate[one.index])) for one in moved)


def _non_finite(name: str, wanted: Array, given: Array, wrong: Array) -> OutputParity:
    where = _first(wrong)
    reason = (
        f"{int(np.sum(wrong))} elements are NaN or infinite on one side only; "
        f"first at {where}: {given[where]} for {wanted[where]}"
    )
    return OutputParity(name, Verdict.NOT_COMPARABLE, reason, mismatched=int(np.sum(wrong)))


def _compare_floats(
    name: str, reference: Array, candidate: Array, noise: Noise, wrong: Array, scale: float
) -> OutputParity:
    if not noise.levels:
        reason = f"rounding alone changes its shape ({_listed(noise.shapes)}): no floor"
        return OutputParity(name, Verdict.UNSTABLE, reason)
    error = error_of(reference, candidate, noise.shaky)
    multiple = noise.multiple(error, scale=scale)
    lost = math.log2(max(1.0, multiple.worst))
    bits = max(0.0, noise.bits - lost)
    verdict, reason = _judge(lost, multiple, noise, bool(np.any(wrong)))
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = np.asarray(reference).astype(candidate.dtype)
    if verdict is Verdict.FAITHFUL and np.array_equal(rounded, candidate, equal_nan=True):
        verdict, reason = Verdict.EXACT, "every element is equal to the last bit"
        if np.isnan(rounded).all():
            reason = "every element is NaN, as in truth: look for NaN in the inputs or the weights"
    return OutputParity(
        name, verdict, reason, bits,
        figures(reference, candidate, error, tie=2 * noise.max * scale), multiple,
        mismatched=int(np.sum(wrong)),
        interval=_interval(multiple, noise.bits),
        moved=_given(noise.moved, candidate) if verdict is Verdict.UNSTABLE else (),
    )  # fmt: skip


def _interval(multiple: Multiple, bits: float) -> tuple[float, float]:
    """Between which effective bits lie if the floor is off by what its few runs leave in doubt."""
    size = math.log2(max(multiple.worst, np.finfo(np.float64).tiny))
    low, high = (bits - max(0.0, size + doubt) for doubt in (multiple.doubt, -multiple.doubt))
    return max(0.0, low), max(0.0, high)


def _judge(lost: float, multiple: Multiple, noise: Noise, flipped: bool) -> tuple[Verdict, str]:
    precision = noise.precision
    doer = "rounding" if precision == FLOAT32 else precision.name
    size = f"its error is {multiple.worst:.3g} times what {doer} does ({multiple.place})"
    if lost > DIVERGENT_SHARE * precision.bits:
        return Verdict.DIVERGENT, size
    if lost > precision.slack:
        return Verdict.REDUCED_PRECISION, size
    if flipped:
        return Verdict.UNSTABLE, "some elements overflow or not by rounding alone"
    if noise.resolution_bits < UNSTABLE_SHARE * precision.bits:
        left = f"{max(0.0, noise.resolution_bits):.1f}"
        return Verdict.UNSTABLE, f"rounding alone leaves it only {left} bits"
    return Verdict.FAITHFUL, size


def _not_comparable(name: str, reason: str) -> OutputParity:
    return OutputParity(name, Verdict.NOT_COMPARABLE, reason)


def _first(mask: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0])


def _listed(shapes: tuple[tuple[int, ...], ...]) -> str:
    return ", ".join(str(list(shape)) for shape in shapes)
