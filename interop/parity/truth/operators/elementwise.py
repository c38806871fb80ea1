"""Functions that the ONNX reference evaluates in float32, or not at all: here in double."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from onnx.reference.op_run import OpRun

from interop.parity.truth.operators.windows import Array

_STEPS = 512  # grid points a unit: |x - grid| <= 2**-10, so the fifth-order rest is below 2e-16
_LIMIT = 6.0  # erf(6) is 1 to the last bit of a double
_CHUNK = 1 << 14  # elements: what stays in the cache


@lru_cache(maxsize=1)
def _taylor_table() -> Array:
    """Taylor coefficients of erf at the grid points: (degree 0..4, points).

    The n-th derivative of erf is 2/sqrt(pi) (-1)^(n-1) H_(n-1)(x) exp(-x^2), H_n the Hermite
    polynomials (Abramowitz and Stegun 7.1.19).
    """
    x = np.arange(int(_LIMIT * _STEPS) + 2) / _STEPS
    slope = 2 / math.sqrt(math.pi) * np.exp(-x * x)
    hermite = [np.ones_like(x), 2 * x, 4 * x**2 - 2, 8 * x**3 - 12 * x]
    rows = [np.array([math.erf(v) for v in x])]
    rows += [(-1) ** n * h * slope / math.factorial(n + 1) for n, h in enumerate(hermite)]
    return np.stack(rows)


def erf(x: Array) -> Array:
    """The error function in double, absolute error below 1e-15; NaN stays NaN."""
    table = _taylor_table()
    flat = np.ascontiguousarray(x, dtype=np.float64).ravel()
    y = np.empty_like(flat)
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        size = np.fmin(np.abs(part), _LIMIT)  # fmin: NaN gets an index, too
        index = np.rint(size * _STEPS).astype(np.intp)
        h = size - index / _STEPS
        value = table[4][index]
        for degree in (3, 2, 1, 0):
            value *= h
            value += table[degree][index]
        y[start : start + _CHUNK] = np.where(np.isnan(part), np.nan, np.copysign(value, part))
    return y.reshape(x.shape)


class Erf(OpRun):  # type: ignore[misc]
    op_domain = ""

    def _run(self, x: Array) -> tuple[Array]:
        return (erf(x).astype(x.dtype),)


class Gelu(OpRun):  # type: ignore[misc]
    op_domain = ""

    def _run(self, x: Array, approximate: str | None = "none") -> tuple[Array]:
        if approximate == "tanh":
            inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            return (0.5 * x * (1 + np.tanh(inner)),)
        return (0.5 * x * (1 + erf(x / math.sqrt(2))),)


class HardSwish(OpRun):  # type: ignore[misc]
    op_domain = ""

    def _run(self, x: Array) -> tuple[Array]:
        # alpha is float32(1/6) in the standard's own body; every backend means 1/6
        return (x * np.clip(x / 6 + 0.5, 0, 1),)


class Mish(OpRun):  # type: ignore[misc]
    op_domain = ""

    def _run(self, x: Array) -> tuple[Array]:
        return (x * np.tanh(np.logaddexp(0, x)),)


class Sigmoid(OpRun):  # type: ignore[misc]
    op_domain = ""

    def _run(self, x: Array) -> tuple[Array]:
        return (sigmoid(x),)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1 + small)


class Softplus(OpRun):  # type: ignore[misc]
    op_domain = ""

    def _run(self, x: Array) -> tuple[Array]:
        return (np.logaddexp(0, x),)
