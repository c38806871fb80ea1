"""Functions of the program, what JAX calls by name, and composites, which have a name and a body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from interop.converters.jax.exports.elementwise import plain
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.reductions import top_k
from interop.converters.jax.exports.slices import vector_of
from interop.converters.jax.exports.tensors import Refused, Tensor
from interop.converters.jax.exports.windows import dynamic_reduce_window

#: Functions of single entries that JAX hands out as composites, and ONNX has.
_OPERATORS = {
    "chlo.acos": "Acos", "chlo.acosh": "Acosh", "chlo.asin": "Asin", "chlo.asinh": "Asinh",
    "chlo.atan": "Atan", "chlo.atanh": "Atanh", "chlo.cosh": "Cosh", "chlo.erf": "Erf",
    "chlo.sinh": "Sinh", "chlo.tan": "Tan",
}  # fmt: skip


def call(op: Op) -> Sequence[Tensor]:
    return op.call(op.operation.attributes["callee"].value, op.operands)


def composite(op: Op) -> Sequence[Tensor]:
    """By its name where ONNX has it, else by its body."""
    name = op.operation.attributes["name"].value
    if name in _OPERATORS:
        return [plain(_OPERATORS[name])(op)]
    if name == "chlo.top_k":
        given = op.operation.attributes["composite_attributes"]
        return top_k(op, int(given["k"].value))
    return op.call(op.operation.attributes["decomposition"].value, op.operands)


def named(name: str) -> Callable[[Op], Tensor]:
    return plain(_OPERATORS[name])


def chlo_top_k(op: Op) -> Sequence[Tensor]:
    return top_k(op, op.number("k"))


def _dynamic_top_k(op: Op) -> Sequence[Tensor]:
    (k,) = vector_of(op, 1) if op.operands[1].rank else [op.operands[1].numbers.item()]
    return top_k(op, k)


def _nothing(op: Op) -> Sequence[Tensor]:
    """What only checks: sizes are checked by what ONNX declares of the inputs."""
    return []


def _handed_on(op: Op) -> Sequence[Tensor]:
    """Where and how data lie is no matter of what is computed."""
    return op.operands


#: Custom calls whose meaning is known.
_CALLS: dict[str, Callable[[Op], Any]] = {
    "Sharding": _handed_on,
    "SPMDFullToShardShape": _handed_on,
    "SPMDShardToFullShape": _handed_on,
    "annotate_device_placement": _handed_on,
    "shape_assertion": _nothing,
    "stablehlo.dynamic_reduce_window": dynamic_reduce_window,
    "stablehlo.dynamic_top_k": _dynamic_top_k,
}


def custom_call(op: Op) -> Any:
    name = op.operation.attributes["call_target_name"].value
    if name not in _CALLS:
        raise Refused(f"a call of '{name}', which is code of a platform, not of the program")
    return _CALLS[name](op)


COMPOSITES: dict[str, Callable[[Op], Any]] = {
    **{name: plain(operator) for name, operator in _OPERATORS.items()},
    "call": call,
    "chlo.top_k": chlo_top_k,
    "composite": composite,
    "custom_call": custom_call,
    "func.call": call,
}
