"""On what numbers, and in what order of axes, a converter works: wrappers for the table's rows.

A converter takes an `Op` and the ONNX names of its operands, and returns the name of its result, or
several. What a wrapper makes of it takes the `Op` alone and notes the results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from interop.converters.tflite.operator import Op, Refused, known_rank, permuted, quantized
from interop.converters.tflite.reading import Tensor

Converter = Callable[..., Any]
Export = Callable[[Op], None]


def computed(convert: Converter) -> Export:
    """On real numbers, in TFLite's order; a quantized result is quantized anew."""

    def export(op: Op) -> None:
        give_real(op, convert(op, *_operands(op, op.real)))

    return export


def by_itself(convert: Converter) -> Export:
    """The converter asks for each operand as it needs it; its results are real, in TFLite's order."""

    def export(op: Op) -> None:
        give_real(op, convert(op))

    return export


def stored_by_itself(convert: Converter) -> Export:
    """As `by_itself`; its results are noted as they are."""

    def export(op: Op) -> None:
        give_stored(op, convert(op))

    return export


def carried(convert: Converter) -> Export:
    """On real numbers, in the order that its first operand has; axes go through `op.axis`."""

    def export(op: Op) -> None:
        _take_order(op)
        give_real(op, convert(op, op.real(0)))

    return export


def moved(convert: Converter) -> Export:
    """On numbers as they are stored, which it only moves, in TFLite's order."""

    def export(op: Op) -> None:
        _move(op, lambda take: convert(op, *_operands(op, take)))

    return export


def moved_alike(convert: Converter) -> Export:
    """As `moved`, of its first operand, in the order that this has; axes go through `op.axis`."""

    def export(op: Op) -> None:
        _take_order(op)
        _move(op, lambda take: convert(op, take(0)))

    return export


def joined(convert: Converter) -> Export:
    """As `moved`, in either order; axes go through `op.axis`."""

    def export(op: Op) -> None:
        if _any_first(op) and _can_be_first(op):
            op.order = "first"
        _move(op, lambda take: convert(op, *_operands(op, take)))

    return export


def spatial(convert: Converter, data: int = 0) -> Export:
    """Operand `data` and the result are real and channels-first; the converter asks for the others."""

    def export(op: Op) -> None:
        op.order = "first"
        give_real(op, convert(op, op.real(data)))

    return export


def elementwise(convert: Converter) -> Export:
    """On real numbers that broadcast against each other, in either order."""

    def export(op: Op) -> None:
        if _any_first(op) and _can_be_first(op):
            op.order = "first"
        give_real(op, convert(op, *_operands(op, lambda index: _broadcast(op, index))))

    return export


def _move(op: Op, write: Callable[[Callable[[int], str]], Any]) -> None:
    """Where operands and result stand for the same by other numbers, they are made real on the way."""
    tensors = [op.tensor(index) for index in range(len(op.inputs)) if op.has(index)]
    op.as_stored = all(_alike(one, op.result()) for one in tensors if one.quantized)
    if op.as_stored:
        give_stored(op, write(op.stored))
    else:
        give_real(op, write(op.real))


def _alike(one: Tensor, other: Tensor) -> bool:
    if one.scales is None or other.scales is None:
        return True
    same = np.array_equal(one.scales, other.scales) and np.array_equal(one.zeros, other.zeros)
    return one.dtype == other.dtype and same


def give_real(op: Op, results: Any) -> None:
    """Note the results, real numbers, in the operator's order."""
    names = [results] if isinstance(results, str) else results
    for number, name in enumerate(names):
        tensor = op.result(number)
        _note(op, number, quantized(op.graph, name, tensor) if tensor.quantized else name)


def give_stored(op: Op, results: Any) -> None:
    """Note the results, which are of the operand's own numbers."""
    names = [results] if isinstance(results, str) else results
    for number, name in enumerate(names):
        _note(op, number, name)


def _note(op: Op, number: int, name: str) -> None:
    op.scope.names[op.outputs[number], op.order] = name


def _operands(op: Op, take: Callable[[int], str]) -> Sequence[str]:
    return [take(index) if op.has(index) else "" for index in range(len(op.inputs))]


def _take_order(op: Op) -> None:
    tensor = op.tensor(0)
    names = op.scope.names
    if (op.inputs[0], "first") in names and (op.inputs[0], "last") not in names:
        known_rank(tensor)
        op.order = "first"


def _any_first(op: Op) -> bool:
    names = op.scope.names
    return any((i, "first") in names and (i, "last") not in names for i in op.inputs)


def _can_be_first(op: Op) -> bool:
    """Whether every operand has the result's rank, or is a constant that can be given it."""
    rank = op.result().rank
    tensors = [op.tensor(index) for index in range(len(op.inputs)) if op.has(index)]
    if rank is None or rank < 3:
        return False
    return all(
        one.rank in (rank, 0) or (one.rank is not None and op.known(index))
        for index, one in enumerate(tensors)
    )


def _broadcast(op: Op, index: int) -> str:
    """An operand for a broadcast; a constant of fewer axes gets as many as the result has."""
    tensor, scope = op.tensor(index), op.scope
    if op.order == "last" or tensor.rank == op.result().rank or tensor.rank == 0:
        if tensor.rank == 0:
            return scope.as_real(op.inputs[index])
        return op.real(index)
    array = real_array(tensor, op.array(index))
    whole = array.reshape((1,) * (known_rank(op.result()) - array.ndim) + array.shape)
    return op.graph.constant(permuted(whole, op.order), tensor.name or "constant")


def real_array(tensor: Tensor, array: np.ndarray) -> np.ndarray:
    """What the numbers of a constant stand for, float32 where it is quantized."""
    if not tensor.quantized:
        return array
    if tensor.scales is None or tensor.zeros is None:
        raise Refused(f"'{tensor.name}' has no scale")
    shape = [1] * array.ndim
    if len(tensor.scales) > 1:
        shape[tensor.axis] = -1
    shifted = array.astype(np.float64) - tensor.zeros.reshape(shape)
    return (shifted * tensor.scales.astype(np.float64).reshape(shape)).astype(np.float32)
