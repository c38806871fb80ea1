"""Fourier transforms."""

from __future__ import annotations

from interop.source.expression import Expression, Symbol
from interop.source.values import Value


def dft(
    x: Value, length: Value | None = None, along: Value | None = None, *, axis: int = -2,
    inverse: int = 0, onesided: int = 0,
) -> Expression:  # fmt: skip
    """The axis is an input since opset 20, an attribute before."""
    place = axis if along is None else along
    return Symbol("dft")(x, length, place, bool(inverse), bool(onesided))


def stft(
    x: Value, step: Value, window: Value | None = None, length: Value | None = None, *,
    onesided: int = 1,
) -> Expression:  # fmt: skip
    return Symbol("stft")(x, step, window, length, bool(onesided))
