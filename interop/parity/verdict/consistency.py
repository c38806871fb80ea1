"""Which precision explains an error that is no float32 rounding?

The error is measured by the floor of each other precision. It fits one where it is as large as what
that precision does, no larger and not much smaller, and lies where that precision puts it: the
emulated run and a real one round the same weights and inputs to the same numbers, so that their
errors correlate. (An integer grid depends on how its ranges were found, so there only size counts.)

Measured on four small networks. ONNX Runtime in float16: 0.3 to 0.9 times the floor of float16,
correlation 0.34 to 0.7 with float16 or TF32. Its quantised int8: 0.4 to 5 times that of int8. A
tanh for the exact GELU: 0.15 times and 0.03; a layer-norm epsilon: 0.01 times and -0.02.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.errors import UnsupportedOperator
from interop.parity.floor.groups import Array
from interop.parity.floor.noise import Noise
from interop.parity.floor.precisions import FLOAT32, UNASKED, Precision
from interop.parity.verdict.elements import error_of

SMALLEST = 0.25  # of the floor's rms: what errs less has rounded more finely

#: A correlation of so much, and three standard errors of none, says that the places agree.
CORRELATED = 0.1

#: With fewer elements than this the correlation of strangers is too often large.
TELLING = 256


@dataclass(frozen=True)
class Fit:
    """An error against the floor of one precision: the worst multiple, the ratio of the whole
    tensor, and the correlation with the emulated error (None where it says nothing)."""

    precision: Precision
    multiple: float
    rms_ratio: float
    correlation: float | None
    fits: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "precision": self.precision.name,
            "multiple": self.multiple,
            "rms_ratio": self.rms_ratio,
            "correlation": self.correlation,
            "fits": self.fits,
        }


@dataclass(frozen=True)
class Consistency:
    """What the floors of the other precisions say of an error. `unknown` are those that could not
    be emulated, with the reason."""

    tried: tuple[Fit, ...]
    unknown: tuple[str, ...] = ()

    @property
    def fitting(self) -> tuple[Fit, ...]:
        """Those that fit, the most telling first: by correlation, where that is not known by size."""
        found = [fit for fit in self.tried if fit.fits]
        return tuple(sorted(found, key=lambda fit: (-(fit.correlation or 0.0), _distance(fit))))

    @property
    def best(self) -> Precision | None:
        return self.fitting[0].precision if self.fitting else None

    @property
    def words(self) -> str:
        if not self.fitting:
            return "consistent with no other precision: a constant or a weight differs"
        return "consistent with " + ", or with ".join(
            f"{fit.precision.words} ({fit.rms_ratio:.2g} times what that does)"
            for fit in self.fitting
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "best": self.best.name if self.best else None,
            "words": self.words,
            "tried": [fit.to_json() for fit in self.tried],
            "unknown": list(self.unknown),
        }


def _distance(fit: Fit) -> float:
    return abs(math.log(fit.rms_ratio))


def consistency(
    reference: Array,
    candidate: Array,
    floor: Callable[[Precision], Noise],
    *,
    declared: Precision = FLOAT32,
    scale: float = 1.0,
) -> Consistency:
    """Measure the error of a float output by the floors of the precisions that nobody asks for and some
    run in; not of what is `declared`.

    `floor` gives the floor of this output in a precision; where that raises UnsupportedOperator,
    the reason is kept. `scale` is as in compare.
    """
    tried, unknown = [], []
    for precision in UNASKED:
        if precision == declared:
            continue
        try:
            noise = floor(precision)
        except UnsupportedOperator as error:
            unknown.append(f"{precision.name}: {error.message}")
            continue
        if noise.levels and noise.shaky.shape == reference.shape:
            tried.append(_fit(reference, candidate, noise, scale))
    return Consistency(tuple(tried), tuple(unknown))


def _fit(reference: Array, candidate: Array, noise: Noise, scale: float) -> Fit:
    error = error_of(reference, candidate, noise.shaky)
    multiple, precision = noise.multiple(error, scale=scale), noise.precision
    together = None if precision.measured else _correlation(error, noise)
    sized = multiple.worst <= 2**precision.slack and multiple.rms_ratio >= SMALLEST
    placed = together is None or together > CORRELATED + 3 / math.sqrt(error.size)
    return Fit(precision, multiple.worst, multiple.rms_ratio, together, sized and placed)


def _correlation(error: Array, noise: Noise) -> float | None:
    if error.size < TELLING or noise.plain is None:
        return None
    plain = np.where(noise.shaky, 0.0, noise.plain)
    size = math.sqrt(float(np.sum(error**2)) * float(np.sum(plain**2)))
    return float(np.sum(error * plain)) / size if size > 0 else None
