"""Random numbers: torch's own; the standard names distributions, not their bits."""

from __future__ import annotations

from typing import Any

from interop.converters.torch.lowerings.common import dtype, to, torch

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Unpack, Value


def bernoulli(x: Value, *, dtype: int | None = None, seed: float = 0.0, node: Node) -> Expression:
    return to(torch.bernoulli(x), node.outputs[0].dtype or x.known_dtype)


def normal(
    *, shape: list[int], dtype: int = 1, mean: float = 0.0, scale: float = 1.0, seed: float = 0.0,
    node: Node,
) -> Expression:  # fmt: skip
    return _drawn(torch.randn, shape, node) * scale + mean


def uniform(
    *, shape: list[int], dtype: int = 1, high: float = 1.0, low: float = 0.0, seed: float = 0.0,
    node: Node,
) -> Expression:  # fmt: skip
    return _drawn(torch.rand, shape, node) * (high - low) + low


def normal_like(
    x: Value, *, dtype: int = 0, mean: float = 0.0, scale: float = 1.0, seed: float = 0.0,
    node: Node,
) -> Expression:  # fmt: skip
    return _drawn(torch.randn_like, x, node) * scale + mean


def uniform_like(
    x: Value, *, dtype: int = 0, high: float = 1.0, low: float = 0.0, seed: float = 0.0, node: Node
) -> Expression:
    return _drawn(torch.rand_like, x, node) * (high - low) + low


def multinomial(
    x: Value, *, dtype: int = 6, sample_size: int = 1, seed: float = 0.0, node: Node
) -> Expression:
    drawn = torch.multinomial(torch.exp(x), sample_size, replacement=True)
    return to(drawn, node.outputs[0].dtype or "int32")


def _drawn(function: Any, of: Any, node: Node) -> Expression:
    name = node.outputs[0].dtype
    return function(of, **({} if name in (None, "float32") else {"dtype": dtype(str(name))}))


def dropout(
    x: Value, ratio: Value | None = None, training: Value | None = None, *, seed: int = 0,
    node: Node,
) -> Any:  # fmt: skip
    if training is None or (training.constant is not None and not training.constant.any()):
        return x, torch.ones_like(x, dtype=torch.bool)
    return Unpack(Symbol("dropout")(x, 0.5 if ratio is None else ratio, training), 2)
