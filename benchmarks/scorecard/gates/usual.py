"""The formulas that people write by hand: the candidate's outputs against the reference's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from scorecard.edit import Array

Outputs = Mapping[str, Array]

#: Whether two arrays pass.
Test = Callable[[Array, Array], bool]


def _close(rtol: float, atol: float) -> Test:
    return lambda wanted, given: bool(np.allclose(given, wanted, rtol=rtol, atol=atol))


def cosine(wanted: Array, given: Array) -> bool:
    a, b = (array.astype(np.float64).reshape(-1) for array in (wanted, given))
    with np.errstate(invalid="ignore", divide="ignore"):
        return bool(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) > 0.999)


def top1(wanted: Array, given: Array) -> bool:
    if not wanted.ndim:
        return True
    return bool(np.array_equal(np.argmax(wanted, -1), np.argmax(given, -1)))


TESTS: Mapping[str, Test] = {
    "allclose 1e-2, 1e-2": _close(1e-2, 1e-2),
    "allclose 1e-3, 1e-5": _close(1e-3, 1e-5),
    "allclose 1e-5, 1e-8": _close(1e-5, 1e-8),
    "cosine > 0.999": cosine,
    "top-1": top1,
}


def blames(test: Test, reference: Outputs, candidate: Outputs) -> bool:
    """Whether any output fails. One that is not there fails; so do shapes that NumPy cannot pair."""
    for name, wanted in reference.items():
        if name not in candidate:
            return True
        try:
            if not test(wanted, candidate[name]):
                return True
        except ValueError:
            return True
    return False
