"""What goes into the graph of a loop's or branch's body, and comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from interop.converters.jax.exports.integers import single
from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.tensors import Size, Tensor, dtype_of, sizes_of
from interop.converters.jax.exports.writing import Writer


def hand_out(w: Writer, results: Sequence[Tensor]) -> None:
    """What a body gives: values of its own."""
    for value in results:
        own = w.node("Identity", w.full(value))
        w.graph.output(own, value.dtype, words(own, value))


def words(name: str, value: Tensor) -> list[Any]:
    return [
        size if isinstance(size, int) else f"{name}_{axis}" for axis, size in enumerate(value.sizes)
    ]


def names_of(
    w: Writer, operator: str, inputs: list[str], count: int, **attributes: Any
) -> list[str]:
    found = w.node(operator, *inputs, count=count, **attributes)
    return [found] if count == 1 else list(found)


def input_of(w: Writer, name: str, dtype: str, shape: list[Any]) -> str:
    return w.graph.input(w.graph.unique(name), dtype, shape)


def carried_in(op: Op, w: Writer, places: Sequence[int]) -> dict[int, Tensor]:
    """Inputs of the body for what changes from round to round; the sizes stay what they are."""
    found = {}
    for place in places:
        kind = op.operation.operands[place].type
        name = w.graph.unique(f"carried_{place}")
        value = Tensor(name, dtype_of(kind), op.operands[place].sizes)
        shape = [
            size if isinstance(size, int) else f"{name}_{axis}"
            for axis, size in enumerate(sizes_of(kind))
        ]
        w.graph.input(name, value.dtype, shape)
        found[place] = value
    return found


@dataclass(frozen=True)
class Loop:
    """What the places of a loop's values are.

    still: what no round changes. counters: that go up by 1 a round. rounds: how often it runs, None
    where a condition decides.
    """

    still: list[int]
    counters: list[int]
    rounds: int | Size | None


def fits(x: Tensor, rounds: int | Size) -> bool:
    return x.rank > 0 and x.sizes[0] == rounds


def counted(w: Writer, start: Tensor, rounds: int | Size) -> Tensor:
    """A counter after so many rounds."""
    assert start.numbers is not None
    first = start.numbers.item()
    if isinstance(first, Size):
        return replace(start, numbers=single(w.size("Add", first, rounds)))
    return replace(start, numbers=single(w.plus(rounds, first)))
