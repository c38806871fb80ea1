"""Pools. MXNet pads symmetrically and has no dilation; other windows are refused or padded before."""

from __future__ import annotations

from typing import Any

from interop.converters.mxnet.lowerings.common import FLOATS, Lowering, mnp, npx, to
from interop.converters.mxnet.lowerings.convolution import around

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Refusal, Value
from interop.source.windows import ceil_padding


def _window(
    x: Value, kernel: list[int], auto_pad: str, ceil_mode: int, dilations: list[int] | None,
    pads: list[int] | None, strides: list[int] | None,
) -> tuple[list[int], list[tuple[int, int]], list[int]]:  # fmt: skip
    """Strides, padding, and how much of the padding after is there for ceil_mode only."""
    rank = len(kernel)
    steps = strides or [1] * rank
    if any(hole != 1 for hole in dilations or []):
        raise Refusal("MXNet has no pool with dilation")
    pairs = around(x, kernel, auto_pad, pads, steps, [1] * rank)
    ceiling = [0] * rank
    if ceil_mode and auto_pad in ("NOTSET", ""):
        sizes = [x.dim(axis) for axis in range(2, rank + 2)]
        ceiling = ceil_padding(sizes, pairs, kernel, steps, [1] * rank)
    return steps, pairs, ceiling


def max_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, pads: list[int] | None = None, storage_order: int = 0,
    strides: list[int] | None = None, node: Node,
) -> Expression:  # fmt: skip
    if any(node.used[1:]):
        raise Refusal("MXNet does not say where a maximum stands")
    steps, pairs, ceiling = _window(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    name = x.known_dtype
    data: Expression = x if name in ("float32", "float64") else to(x, "float32")
    widened = [(b, a + c) for (b, a), c in zip(pairs, ceiling, strict=True)]
    options: dict[str, Any] = {"kernel": tuple(kernel_shape), "stride": tuple(steps)}
    if _symmetric(widened, kernel_shape):
        options["pad"] = tuple(before for before, _ in widened)
    else:
        table = ((0, 0), (0, 0), *widened)
        inside = mnp.pad(mnp.ones_like(data), table) > 0.5
        data = mnp.where(inside, mnp.pad(data, table), float("-inf"))
    result = npx.pooling(data, pool_type="max", **options)
    return result if name in ("float32", "float64") else to(result, name)


def _symmetric(pairs: list[tuple[int, int]], kernel: list[int]) -> bool:
    fits = all(before < size for (before, _), size in zip(pairs, kernel, strict=True))
    return fits and all(before == after for before, after in pairs)


def average_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: list[int] | None = None, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    steps, pairs, ceiling = _window(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    options: dict[str, Any] = {"kernel": tuple(kernel_shape), "stride": tuple(steps)}
    if x.known_dtype not in FLOATS:
        raise Refusal(f"an average of {x.known_dtype}")
    if not any(ceiling) and _symmetric(pairs, kernel_shape):
        if any(before for before, _ in pairs):
            options["pad"] = tuple(before for before, _ in pairs)
        included = bool(count_include_pad)
        return npx.pooling(x, pool_type="avg", count_include_pad=included, **options)
    # Sums over what is padded with zeros, by how many entries of each window count.
    table = ((0, 0), (0, 0), *[(b, a + c) for (b, a), c in zip(pairs, ceiling, strict=True)])
    counted = ((0, 0), (0, 0), *pairs)
    later = ((0, 0), (0, 0), *[(0, c) for c in ceiling])
    total = npx.pooling(mnp.pad(x, table), pool_type="avg", **options)
    ones: Expression = mnp.ones_like(x)
    if count_include_pad:
        ones = mnp.pad(mnp.ones_like(mnp.pad(ones, counted)), later)
    else:
        ones = mnp.pad(ones, table)
    return total / npx.pooling(ones, pool_type="avg", **options)


def lp_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, p: int = 2, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    steps, pairs, ceiling = _window(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    table = ((0, 0), (0, 0), *[(b, a + c) for (b, a), c in zip(pairs, ceiling, strict=True)])
    data = mnp.power(mnp.abs(x), p)
    if any(pair != (0, 0) for pair in table):
        data = mnp.pad(data, table)
    count = 1
    for size in kernel_shape:
        count *= size
    options = {"kernel": tuple(kernel_shape), "stride": tuple(steps)}
    return mnp.power(npx.pooling(data, pool_type="avg", **options) * count, 1 / p)


def global_pool(function: Symbol) -> Lowering:
    def lowering(x: Value) -> Expression:
        return function(x, axis=tuple(range(2, x.known_rank)), keepdims=True)

    return lowering


def global_lp_pool(x: Value, *, p: int = 2) -> Expression:
    over = tuple(range(2, x.known_rank))
    return mnp.power(mnp.sum(mnp.power(mnp.abs(x), p), axis=over, keepdims=True), 1 / p)
