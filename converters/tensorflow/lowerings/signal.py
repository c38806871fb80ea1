"""Fourier transforms and filter banks."""

from __future__ import annotations

import onnx_ir as ir
from interop.converters.tensorflow.lowerings.common import dtype, tf

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


def mel_weight_matrix(
    bins: Value, length: Value, rate: Value, low: Value, high: Value, *, output_datatype: int = 1
) -> Expression:
    matrix = Symbol("mel_weight_matrix")(bins, length, rate, low, high)
    return tf.cast(matrix, dtype(ir.DataType(output_datatype).numpy().name))
