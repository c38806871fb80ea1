"""Pools, by helpers over lax.reduce_window."""

from __future__ import annotations

from interop.converters.jax.lowerings.common import jnp
from interop.converters.jax.lowerings.convolution import padding

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Unpack, Value


def max_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, pads: list[int] | None = None, storage_order: int = 0,
    strides: list[int] | None = None, node: Node,
) -> Expression | Unpack:  # fmt: skip
    window = _window(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    if len(node.outputs) > 1 and node.used[1]:
        return Unpack(Symbol("max_pool_with_places")(x, *window, bool(storage_order)), 2)
    return Symbol("max_pool")(x, *window)


def average_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: list[int] | None = None, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    window = _window(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    return Symbol("average_pool")(x, *window, bool(count_include_pad))


def lp_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, p: int = 2, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    window = _window(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    return Symbol("lp_pool")(x, *window, p)


def _window(
    x: Value, kernel: list[int], auto_pad: str, ceil_mode: int, dilations: list[int] | None,
    pads: list[int] | None, strides: list[int] | None,
) -> tuple[object, ...]:  # fmt: skip
    rank = len(kernel)
    steps, holes = strides or [1] * rank, dilations or [1] * rank
    around = padding(x, kernel, auto_pad, pads, steps, holes)
    whole = ceil_mode and auto_pad in ("NOTSET", "")
    return kernel, steps, around, holes, bool(whole)


def _spatial(x: Value) -> tuple[int, ...]:
    return tuple(range(2, x.known_rank))


def global_average_pool(x: Value) -> Expression:
    return jnp.mean(x, axis=_spatial(x), keepdims=True)


def global_max_pool(x: Value) -> Expression:
    return jnp.max(x, axis=_spatial(x), keepdims=True)


def global_lp_pool(x: Value, *, p: int = 2) -> Expression:
    powers = jnp.sum(jnp.power(jnp.abs(x), p), axis=_spatial(x), keepdims=True)
    return jnp.power(powers, 1 / p)
