"""Random numbers. JAX's functions are pure: the same model draws the same numbers at every call."""

from __future__ import annotations

from typing import Any

from interop.converters.jax.lowerings.common import dtype, jax, jnp, to

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Unpack, Value


def bernoulli(x: Value, *, dtype: int | None = None, seed: float = 0.0, node: Node) -> Expression:
    drawn = jax.random.bernoulli(_key(seed), x)
    return to(drawn, node.outputs[0].dtype or x.known_dtype)


def normal(
    *, shape: list[int], dtype: int = 1, mean: float = 0.0, scale: float = 1.0, seed: float = 0.0,
    node: Node,
) -> Expression:  # fmt: skip
    return _drawn(jax.random.normal, seed, shape, node) * scale + mean


def uniform(
    *, shape: list[int], dtype: int = 1, high: float = 1.0, low: float = 0.0, seed: float = 0.0,
    node: Node,
) -> Expression:  # fmt: skip
    return _drawn(jax.random.uniform, seed, shape, node) * (high - low) + low


def normal_like(
    x: Value, *, dtype: int = 0, mean: float = 0.0, scale: float = 1.0, seed: float = 0.0,
    node: Node,
) -> Expression:  # fmt: skip
    return _drawn(jax.random.normal, seed, _shape(x), node) * scale + mean


def uniform_like(
    x: Value, *, dtype: int = 0, high: float = 1.0, low: float = 0.0, seed: float = 0.0, node: Node
) -> Expression:
    return _drawn(jax.random.uniform, seed, _shape(x), node) * (high - low) + low


def multinomial(
    x: Value, *, dtype: int = 6, sample_size: int = 1, seed: float = 0.0, node: Node
) -> Expression:
    drawn = jax.random.categorical(_key(seed), x, shape=(sample_size, x.size(0)))
    return to(drawn.method("transpose"), node.outputs[0].dtype or "int32")


def dropout(
    x: Value, ratio: Value | None = None, training: Value | None = None, *, seed: int = 0,
    node: Node,
) -> Any:  # fmt: skip
    if training is None or (training.constant is not None and not training.constant.any()):
        return x, jnp.ones_like(x, dtype=dtype("bool"))
    half = 0.5 if ratio is None else ratio
    return Unpack(Symbol("dropout")(_key(seed), x, half, training), 2)


def _key(seed: float) -> Expression:
    return jax.random.key(int(seed))


def _shape(x: Value) -> Expression:
    return Expression(f"{x.text}.shape")


def _drawn(function: Symbol, seed: float, shape: Any, node: Node) -> Expression:
    name = node.outputs[0].dtype or "float32"
    return function(_key(seed), shape, dtype(name))
