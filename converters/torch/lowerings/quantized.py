"""Integer products, computed in float64, whose sums are exact here and fast."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.torch.lowerings.common import dtype, to, torch
from interop.converters.torch.lowerings.convolution import conv

from interop.source.expression import Expression
from interop.source.values import Refusal, Value


def matmul_integer(
    a: Value, b: Value, a_zero: Value | None = None, b_zero: Value | None = None
) -> Expression:
    return to(_centred(a, a_zero, -1) @ _centred(b, b_zero, None), "int32")


def conv_integer(
    x: Value, w: Value, x_zero: Value | None = None, w_zero: Value | None = None, **options: Any
) -> Expression:
    return to(_convolved(x, w, x_zero, w_zero, None, options), "int32")


def qlinear_matmul(
    a: Value, a_scale: Value, a_zero: Value, b: Value, b_scale: Value, b_zero: Value,
    y_scale: Value, y_zero: Value,
) -> Expression:  # fmt: skip
    total = _centred(a, a_zero, -1) @ _centred(b, b_zero, None)
    scale = _column(a_scale, -1) * b_scale
    return _requantized(total, scale / _column(y_scale, -1), _column(y_zero, -1), y_zero)


def qlinear_conv(
    x: Value, x_scale: Value, x_zero: Value, w: Value, w_scale: Value, w_zero: Value,
    y_scale: Value, y_zero: Value, b: Value | None = None, **options: Any,
) -> Expression:  # fmt: skip
    bias = None if b is None else _derived(b, to(b, "float64"))
    total = _convolved(x, w, x_zero, w_zero, bias, options)
    scale = x_scale * w_scale / y_scale
    if w_scale.known_rank == 1 and w_scale.shape != (1,):
        scale = scale.method("reshape", [-1, *[1] * (x.known_rank - 2)])
    return _requantized(total, scale, y_zero, y_zero)


def _convolved(
    x: Value, w: Value, x_zero: Value | None, w_zero: Value | None, bias: Value | None,
    options: dict[str, Any],
) -> Expression:  # fmt: skip
    """Zeros around the centred data are the zero point around the data itself."""
    data = _derived(x, _centred(x, x_zero, None))
    along: Any = None
    if w_zero is not None and w_zero.known_rank == 1 and w_zero.shape != (1,):
        along = [-1, *[1] * (w.known_rank - 1)]
    weights = to(w, "float64")
    if w_zero is not None:
        zero = to(w_zero, "float64")
        weights = weights - (zero if along is None else zero.method("reshape", along))
    return conv(data, _derived(w, weights), bias, **options)


def _derived(value: Value, expression: Expression) -> Value:
    text = expression.within(9)
    return Value(value.name, "float64", value.shape, lambda: text)


def _centred(x: Value, zero: Value | None, column: int | None) -> Expression:
    wide = to(x, "float64")
    if zero is None:
        return wide
    return wide - to(zero if column is None else _column(zero, column), "float64")


def _column(vector: Value, axis: int) -> Expression:
    """A vector of rows' parameters as a column."""
    if vector.known_rank == 1 and vector.shape != (1,):
        return vector.method("unsqueeze", axis)
    return vector


def _requantized(total: Expression, scale: Any, shift: Expression, zero: Value) -> Expression:
    name = zero.known_dtype
    if name not in ("int8", "uint8"):
        raise Refusal(f"quantisation to {name}")
    limits = np.iinfo(name)
    rounded = torch.round(total * scale.method("to", dtype("float64"))) + shift
    return to(torch.clamp(rounded, int(limits.min), int(limits.max)), name)
