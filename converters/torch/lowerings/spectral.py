"""Fourier transforms."""

from __future__ import annotations

from interop.converters.torch.lowerings.common import integer

from interop.source.expression import Expression, Symbol
from interop.source.values import Value


def dft(
    x: Value, length: Value | None = None, axis: Value | None = None, *, inverse: int = 0,
    onesided: int = 0,
) -> Expression:  # fmt: skip
    along = -2 if axis is None else integer(axis)
    count = None if length is None else integer(length)
    return Symbol("dft")(x, count, along, bool(inverse), bool(onesided))


def stft(
    signal: Value, step: Value, window: Value | None = None, length: Value | None = None, *,
    onesided: int = 1,
) -> Expression:  # fmt: skip
    count = None if length is None else integer(length)
    return Symbol("stft")(signal, integer(step), window, count, bool(onesided))
