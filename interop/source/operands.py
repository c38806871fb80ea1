"""Operands of elementwise operators: scalar constants as plain numbers where that is safe."""

from __future__ import annotations

from typing import Any

import numpy as np

from interop.source.values import Value


def number(value: Value, other: Value | None = None) -> Any:
    """A scalar constant as a plain number, where `other` gives it its dtype; else the value."""
    array = value.constant
    if array is None or array.size != 1 or (other is not None and other.constant is not None):
        return value
    if array.ndim > 0 and (other is None or other.shape is None or len(other.shape) < array.ndim):
        return value
    scalar = array.reshape(-1)[0]
    return bool(scalar) if array.dtype == np.bool_ else scalar


def operands(a: Value, b: Value) -> tuple[Any, Any]:
    """Both, with a scalar constant as a plain number where the other gives it its dtype."""
    return number(a, b), number(b, a)
