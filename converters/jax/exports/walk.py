"""Through the functions and regions of a program, operation by operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interop.converters.jax.exports.forms import known_form
from interop.converters.jax.exports.integers import followed
from interop.converters.jax.exports.normalizing import batch_norm
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.table import EXPORTS
from interop.converters.jax.exports.tensors import Refused, Tensor, dtype_of, place_of, sizes_of
from interop.converters.jax.exports.writing import Writer

_ENDS = ("func.return", "stablehlo.return")


class Frame:
    """What is known of the values of one function, and the regions in it.

    functions: those of the program, by name. problems: what could not be written, said in words.
    """

    def __init__(
        self,
        writer: Writer,
        functions: dict[str, Any],
        problems: list[str],
        known: dict[Any, Tensor] | None = None,
    ) -> None:
        self.writer, self.functions, self.problems = writer, functions, problems
        self.known = {} if known is None else known

    def call(self, function: str, operands: Sequence[Tensor]) -> list[Tensor]:
        """A function, written in place; it sees nothing but its arguments."""
        inner = Frame(self.writer, self.functions, self.problems)
        return inner.block(self.functions[function].regions[0].blocks[0], operands)

    def inside(self, writer: Writer) -> Frame:
        """For a region, which sees what is around it."""
        return Frame(writer, self.functions, self.problems, dict(self.known))

    def block(self, block: Any, arguments: Sequence[Tensor]) -> list[Tensor]:
        """Write a block's operations; returns what it hands out."""
        self.known.update(zip(block.arguments, arguments, strict=True))
        for view in block.operations:
            operation = view.operation
            operands = [self.known[value] for value in operation.operands]
            if operation.name in _ENDS:
                return operands
            self.known.update(zip(operation.results, self._write(operation, operands), strict=True))
        raise AssertionError("a block ends in a return")

    def _write(self, operation: Any, operands: list[Tensor]) -> list[Tensor]:
        try:
            op = Op(operation, operands, self)
            short = followed(op) or known_form(op) or batch_norm(op)
            if short is not None:
                return [short]
            if op.name not in EXPORTS:
                raise Refused("no converter")
            results = EXPORTS[op.name](op)
            return [results] if isinstance(results, Tensor) else list(results)
        except Refused as reason:
            self.problems.append(f"{operation.name}{place_of(operation.location)}: {reason}")
            return [_nothing(value) for value in operation.results]


def _nothing(value: Any) -> Tensor:
    """Stands for what could not be written, so that the rest can be looked at."""
    try:
        dtype = dtype_of(value.type)
    except Refused:
        dtype = "float32"
    return Tensor("nothing", dtype, sizes_of(value.type))
