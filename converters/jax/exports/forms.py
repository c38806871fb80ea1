"""Functions that JAX writes out in arithmetic, found again.

How JAX writes a function of its own is asked of JAX: the function is exported on its own, and what
comes out is the pattern. Another version of JAX may write it otherwise; then it is not found, and stays
the arithmetic that it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from interop.converters.jax.exports.operation import Op, merged
from interop.converters.jax.exports.reductions import constant_in
from interop.converters.jax.exports.tensors import Tensor, module_of
from jax import export
from jax.interpreters.mlir import make_ir_context

_SPREAD = ("stablehlo.broadcast_in_dim", "stablehlo.dynamic_broadcast_in_dim")


@dataclass(frozen=True)
class _Form:
    function: Callable[[Any], Any]
    operator: str
    options: dict[str, str]


_FORMS = (
    _Form(partial(jax.nn.gelu, approximate=False), "Gelu", {}),
    _Form(partial(jax.nn.gelu, approximate=True), "Gelu", {"approximate": "tanh"}),
)


@dataclass(frozen=True)
class _Pattern:
    """An expression: an operation's name and attributes, over others; a number; or the argument."""

    name: str
    attributes: tuple[str, ...] = ()
    operands: tuple[_Pattern, ...] = ()
    number: float | None = None


def known_form(op: Op) -> Tensor | None:
    """The result of the last operation of such a function, as ONNX's operator; else None."""
    if len(op.results) != 1 or op.name != "multiply" or op.dtype not in ("float32", "float64"):
        return None
    for form, pattern in zip(_FORMS, _patterns(op.dtype), strict=True):
        found: dict[str, Any] = {}
        if _matches(pattern, op.results[0], found):
            x = op.frame.known[found["x"]]
            name = op.w.once(form.operator, op.w.held(x), **form.options)
            return Tensor(name, x.dtype, merged(op.sizes, x.sizes), x.order, x.thin)
    return None


@cache
def _patterns(dtype: str) -> tuple[_Pattern, ...]:
    return tuple(_pattern(form.function, dtype) for form in _FORMS)


def _pattern(function: Callable[[Any], Any], dtype: str) -> _Pattern:
    with jax.enable_x64(dtype == "float64"):
        program = export.export(jax.jit(function))(jax.ShapeDtypeStruct((3,), jnp.dtype(dtype)))
    with make_ir_context():
        module = module_of(program)
        functions = {
            view.operation.attributes["sym_name"].value: view for view in module.body.operations
        }
        return _read_function(functions, "main", [_Pattern("x")])


def _read_function(functions: dict[str, Any], name: str, arguments: list[_Pattern]) -> _Pattern:
    block = functions[name].regions[0].blocks[0]
    known = dict(zip(block.arguments, arguments, strict=True))
    for view in block.operations:
        operation = view.operation
        operands = tuple(known[value] for value in operation.operands)
        if operation.name == "func.return":
            return operands[0]
        (result,) = operation.results
        if operation.name == "stablehlo.constant":
            known[result] = _Pattern("number", number=_number(result))
        elif operation.name in _SPREAD:
            known[result] = operands[0]
        elif operation.name == "func.call":
            called = operation.attributes["callee"].value
            known[result] = _read_function(functions, called, list(operands))
        else:
            known[result] = _Pattern(operation.name, _attributes(operation), operands)
    raise AssertionError("a function ends in a return")


def _attributes(operation: Any) -> tuple[str, ...]:
    return tuple(sorted(str(operation.attributes[name]) for name in operation.attributes))


def _number(value: Any) -> float | None:
    array = constant_in(value)
    return None if array is None or array.size != 1 else float(array)


def _matches(pattern: _Pattern, value: Any, found: dict[Any, Any]) -> bool:
    """Whether a value is computed like that; `found` gets the argument, under "x"."""
    if pattern.name == "x":
        return bool(found.setdefault("x", value) == value)
    seen = found.get(value)
    if seen is not None:
        return seen is pattern
    operation = getattr(getattr(value, "owner", None), "operation", None)
    if operation is None or not hasattr(operation, "operands"):
        return False
    while operation.name in _SPREAD:
        value = operation.operands[0]
        operation = getattr(getattr(value, "owner", None), "operation", None)
        if operation is None or not hasattr(operation, "operands"):
            return False
    if pattern.number is not None:
        number = _number(value)
        return number is not None and bool(np.float64(number) == pattern.number)
    if operation.name != pattern.name or _attributes(operation) != pattern.attributes:
        return False
    if not all(
        _matches(*pair, found) for pair in zip(pattern.operands, operation.operands, strict=True)
    ):
        return False
    found[value] = pattern
    return True
