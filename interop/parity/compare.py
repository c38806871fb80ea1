"""Compare what a backend gave with what is true, in units of what rounding alone does.

Order matters: names, then shape and dtype, then infinities and NaNs, and only then figures. An
output that fails an earlier step is *not comparable*, and that is a failure with a reason, never
a skip. The verdict of a model is that of its worst output.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.errors import ParityFailed
from interop.parity.groups import Array
from interop.parity.noise import Multiple, Noise, error_of, is_float, rounded_to, same_pattern

FULL_BITS = 24.0  # the significand of float32
FAITHFUL_BITS = 21.0
REDUCED_BITS = 8.0  # bfloat16 has 8
STABLE_BITS = 8.0  # a floor that leaves fewer bits than this says that rounding decides the output


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
class Figures:
    """The usual figures, for people; the verdict rests on the multiple of the floor.

    `max_rel` is over the elements whose true value is not zero; `snr_db` is None for no error at
    all; `top1` is the share of rows (last axis) whose largest element is the same one, None where
    there is no row of at least two.
    """

    max_abs: float
    max_rel: float
    rms: float
    snr_db: float | None
    top1: float | None

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class OutputParity:
    """One output on one input set. `effective_bits` is None where the comparison is of integers
    or could not be made; `mismatched` counts differing integers, booleans and non-finite values."""

    name: str
    verdict: Verdict
    reason: str
    effective_bits: float | None = None
    figures: Figures | None = None
    multiple: Multiple | None = None
    mismatched: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": self.verdict.word,
            "reason": self.reason,
            "effective_bits": self.effective_bits,
            "figures": self.figures.to_json() if self.figures else None,
            "error_over_floor": self.multiple.to_json() if self.multiple else None,
            "mismatched": self.mismatched,
        }


def compare_outputs(
    reference: Mapping[str, Array],
    candidate: Mapping[str, Array],
    noise: Mapping[str, Noise],
    *,
    scale: float = 1.0,
) -> tuple[OutputParity, ...]:
    """Every output of `reference`, and every one that only `candidate` has, compared.

    `reference` is the truth (float64), or the outputs of another backend with `scale` the factor
    on the floor (the square root of 2: both sides round). Raises ParityFailed with no outputs.
    """
    if not reference:
        raise ParityFailed(
            "there is no output to compare",
            hint="A model needs at least one output; check the reference run.",
        )
    compared = [
        _not_comparable(name, "the output is missing")
        if name not in candidate
        else compare(name, reference[name], candidate[name], noise[name], scale=scale)
        for name in reference
    ]
    extra = [name for name in candidate if name not in reference]
    return (*compared, *(_not_comparable(n, "the reference has no such output") for n in extra))


def compare(
    name: str, reference: Array, candidate: Array, noise: Noise, *, scale: float = 1.0
) -> OutputParity:
    """One output against its reference.

    The error is measured as the multiple of the floor that noise.py defines, and
    effective_bits = 24 - log2(max(1, multiple)), within 0 and 24: what remains of float32's 24
    bits when the bits that rounding costs every backend are not held against this one.
    """
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
    if candidate.dtype.name != noise.dtype:
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
    differs = candidate != reference
    count = int(np.sum(differs))
    if count == 0:
        return OutputParity(name, Verdict.EXACT, "every element is equal", FULL_BITS)
    share = f"{count} of {candidate.size} elements differ"
    if not np.any(differs & ~noise.shaky):
        reason = f"{share}, all of them where rounding alone flips the value"
        return OutputParity(name, Verdict.UNSTABLE, reason, mismatched=count)
    where = _first(differs & ~noise.shaky)
    reason = f"{share}; first at {where}: {candidate[where]} for {reference[where]}"
    return OutputParity(name, Verdict.DIVERGENT, reason, 0.0, mismatched=count)


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
    figures = _figures(reference, candidate, error)
    multiple = noise.multiple(error, scale=scale)
    bits = min(FULL_BITS, max(0.0, FULL_BITS - math.log2(max(1.0, multiple.worst))))
    verdict, reason = _judge(bits, multiple, noise, bool(np.any(wrong)))
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = np.asarray(reference).astype(candidate.dtype)
    if verdict is Verdict.FAITHFUL and np.array_equal(rounded, candidate, equal_nan=True):
        verdict, reason = Verdict.EXACT, "every element is equal to the last bit"
    return OutputParity(name, verdict, reason, bits, figures, multiple, int(np.sum(wrong)))


def _judge(bits: float, multiple: Multiple, noise: Noise, flipped: bool) -> tuple[Verdict, str]:
    size = f"its error is {multiple.worst:.3g} times what rounding does ({multiple.place})"
    if bits < REDUCED_BITS:
        return Verdict.DIVERGENT, size
    if bits < FAITHFUL_BITS:
        return Verdict.REDUCED_PRECISION, size
    if flipped:
        return Verdict.UNSTABLE, "some elements overflow or not by rounding alone"
    if noise.resolution_bits < STABLE_BITS:
        left = f"{max(0.0, noise.resolution_bits):.1f}"
        return Verdict.UNSTABLE, f"rounding alone leaves it only {left} bits"
    return Verdict.FAITHFUL, size


def _figures(reference: Array, candidate: Array, error: Array) -> Figures:
    truth = np.where(np.isfinite(reference), reference, 0.0)
    size = np.abs(truth)
    magnitude = np.abs(error)
    relative = magnitude[size > 0] / size[size > 0]
    power = float(np.mean(np.square(error)))
    signal = float(np.mean(np.square(truth)))
    snr = 10 * math.log10(signal / power) if power > 0 and signal > 0 else None
    top1 = None
    if reference.ndim and reference.shape[-1] > 1:
        top1 = float(np.mean(np.argmax(reference, -1) == np.argmax(candidate, -1)))
    return Figures(
        float(magnitude.max()), float(relative.max(initial=0.0)), math.sqrt(power), snr, top1
    )


def _not_comparable(name: str, reason: str) -> OutputParity:
    return OutputParity(name, Verdict.NOT_COMPARABLE, reason)


def _first(mask: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0])


def _listed(shapes: tuple[tuple[int, ...], ...]) -> str:
    return ", ".join(str(list(shape)) for shape in shapes)
