"""Normalization by statistics that were measured, as flax writes it out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

from interop.converters.jax.exports.operation import Op, merged
from interop.converters.jax.exports.reductions import constant_in
from interop.converters.jax.exports.tensors import Tensor

_MOVES = ("broadcast_in_dim", "dynamic_broadcast_in_dim", "reshape")


def batch_norm(op: Op) -> Tensor | None:
    """(x - mean) * (rsqrt(variance + epsilon) * scale) + bias, where the last four are vectors along the
    axis that ONNX has the channels in: its BatchNormalization; else None."""
    if op.name != "add" or op.dtype not in ("float32", "float64"):
        return None
    for x, mean, factor, scale, variance, epsilon, bias in _read(op.operation):
        data = op.frame.known.get(x)
        vectors = [_vector(op, value) for value in (scale, bias, mean, variance)]
        if data is None or data.thin is not None or any(one is None for one in vectors):
            continue
        axes = {op.frame.known[value].thin or () for value in (bias, mean, factor)} - {()}
        if len(axes) != 1 or not _is_channels(data, axes.pop()):
            continue
        name = op.w.once("BatchNormalization", op.w.held(data), *vectors, epsilon=float(epsilon))
        return Tensor(name, op.dtype, merged(op.sizes, data.sizes), data.order)
    return None


def _is_channels(x: Tensor, axes: tuple[int, ...]) -> bool:
    """Whether those are the one axis that ONNX has channels in."""
    return len(axes) == 1 and (axes[0] if x.order is None else x.order[axes[0]]) == 1


def _read(operation: Any) -> Iterator[tuple[Any, ...]]:
    """What the parts of the expression could be."""
    for product, bias in permutations(operation.operands):
        for centred, factor in _operands(product, "multiply"):
            difference = _made(centred, "subtract")
            for root, scale in _operands(_within(factor), "multiply"):
                reciprocal = _made(_within(root), "rsqrt")
                if difference is None or reciprocal is None:
                    continue
                for variance, small in _operands(_within(reciprocal.operands[0]), "add"):
                    epsilon = constant_in(_within(small))
                    if epsilon is not None and epsilon.size == 1:
                        yield *difference.operands, factor, scale, variance, epsilon, bias


def _operands(value: Any, name: str) -> Iterator[tuple[Any, ...]]:
    operation = _made(value, name)
    return iter(()) if operation is None else permutations(operation.operands)


def _made(value: Any, name: str) -> Any:
    """The operation of that name that makes a value, else None."""
    operation = getattr(getattr(value, "owner", None), "operation", None)
    return operation if getattr(operation, "name", "") == f"stablehlo.{name}" else None


def _within(value: Any) -> Any:
    """What is spread or given other axes."""
    for name in _MOVES:
        operation = _made(value, name)
        if operation is not None:
            return _within(operation.operands[0])
    return value


def _vector(op: Op, value: Any) -> str | None:
    found = op.frame.known.get(_within(value))
    return op.w.full(found) if found is not None and found.rank == 1 else None
