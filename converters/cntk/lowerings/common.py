"""What lowerings share: CNTK's name, and its way of seeing tensors.

CNTK's operators see one sample: the batch axis is there, but not among the axes. So every value that
is computed has ONNX's axis 0 as its batch, ONNX's axis n is CNTK's n - 1, and an operator that
does anything to axis 0 is refused. It computes in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Refusal, Value

C = Symbol("C")

Lowering = Callable[..., Any]


def checked(lowering: Lowering) -> Lowering:
    """The lowering, for what CNTK computes in."""

    @wraps(lowering)
    def only_floats(*inputs: Value | None, **keywords: Any) -> Any:
        for value in inputs:
            if value is not None and value.constant is None and value.dtype != "float32":
                raise Refusal(f"CNTK computes in float32, '{value.name}' is {value.dtype}")
        if inputs and all(value is None or value.constant is not None for value in inputs):
            raise Refusal("it has no batch, for nothing of it is computed")
        return lowering(*inputs, **keywords)

    return only_floats


def sample(shape: Sequence[int | None] | None, name: str) -> list[int]:
    """The sizes without the batch; a Refusal where CNTK would have to guess one."""
    if not shape or None in shape[1:]:
        raise Refusal(f"CNTK needs the sizes of '{name}', but for its batch")
    return [int(size) for size in shape[1:] if size is not None]


def sample_of(value: Value) -> list[int]:
    if value.constant is not None:
        raise Refusal(f"'{value.name}' is constant, and has no batch")
    return sample(value.shape, value.name)


def axis(index: int, rank: int) -> int:
    """ONNX's axis as CNTK counts; a Refusal for the batch."""
    index %= rank
    if index == 0:
        raise Refusal("it works along the batch")
    return index - 1


def operand(value: Value, rank: int) -> Any:
    """`value` beside another of that rank: a constant without its batch axis, a number as such."""
    array = value.constant
    if array is None:
        if value.known_rank != rank:
            raise Refusal(f"'{value.name}' has its batch elsewhere than what it meets")
        return value
    if array.size == 1 and array.ndim < 2:
        return float(array.reshape(-1)[0])
    if array.ndim == rank:
        if array.shape[0] != 1:
            raise Refusal(f"'{value.name}' says something for each of a batch")
        array = array[0]
    return kept(value, array)


def kept(value: Value, array: np.ndarray | None = None) -> Value:
    """A constant as a parameter of float32, in another form where `array` is given."""
    assert isinstance(value, Constant)
    form = value.constant if array is None else array
    if form.dtype.kind != "f":
        raise Refusal(f"'{value.name}' is {form.dtype}")
    variant = "" if form.shape == value.constant.shape else "x".join(map(str, form.shape))
    return value.stored(form.astype(np.float32), variant)


def highest_rank(*values: Value) -> int:
    """Of those that are computed."""
    return max(value.known_rank for value in values if value.constant is None)


def unary(function: Expression) -> Lowering:
    """The operator is this function of one tensor."""

    def lowering(x: Value) -> Expression:
        return function(x)  # type: ignore[operator]

    return lowering
