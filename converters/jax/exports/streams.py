"""What a loop takes entry by entry from the first axis of a tensor, and writes so, as ONNX's Scan does."""

from __future__ import annotations

from typing import Any

from interop.converters.jax.exports.tensors import Size, Tensor
from interop.converters.jax.exports.writing import Writer


class Streams:
    """Of one loop of `rounds`, whose body `writer` writes: what the rounds take."""

    def __init__(self, writer: Writer, rounds: int | Size) -> None:
        self._writer, self.rounds = writer, rounds
        name = writer.graph.unique("round")
        self.step = Size(name, ("round", name), 0, rounds)
        self.taken: dict[tuple[str, bool], tuple[str, Tensor]] = {}

    def fit(self, x: Tensor) -> bool:
        """Whether the value has an entry for each round."""
        return x.rank > 0 and x.sizes[0] == self.rounds

    def backward(self, start: Any) -> bool | None:
        """Whether the round's entry is counted from the end; None if `start` is not the round's."""
        if not isinstance(start, Size):
            return None
        if start == self.step:
            return False
        count = self.rounds.key if isinstance(self.rounds, Size) else self.rounds
        turned = start.base is not None and start.base.key == ("Sub", count, self.step.key)
        return True if turned and start.plus == -1 else None

    def entry(self, x: Tensor, back: bool) -> Tensor:
        """The round's entry of a value from outside the loop, its first axis kept with size 1."""
        key = (x.name, back)
        if key not in self.taken:
            graph = self._writer.graph
            words = [size if isinstance(size, int) else None for size in x.sizes[1:]]
            self.taken[key] = graph.input(graph.unique("entry"), x.dtype, words), x
        sizes = (1, *x.sizes[1:])
        name, thin = self.taken[key][0], tuple(range(1, x.rank))
        return Tensor(name, x.dtype, sizes, thin=thin, core=name)
