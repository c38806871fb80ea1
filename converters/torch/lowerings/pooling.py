"""Pools."""

from __future__ import annotations

from typing import Any

from interop.converters.torch.lowerings.common import FLOATS, same_or_list, torch
from interop.converters.torch.lowerings.convolution import unlike

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Refusal, Unpack, Value
from interop.source.windows import explicit_pads


def _window(
    x: Value, auto_pad: str, pads: list[int] | None, kernel: list[int], strides: list[int] | None,
    dilations: list[int] | None,
) -> tuple[list[int], list[int], list[tuple[int, int]]]:  # fmt: skip
    rank = len(kernel)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    spatial = [x.dim(axis) if x.shape is not None else None for axis in range(2, rank + 2)]
    return strides, dilations, explicit_pads(auto_pad, pads, spatial, kernel, strides, dilations)


def _symmetric(around: list[tuple[int, int]], kernel: list[int]) -> bool:
    """Whether torch's pools take it: as much before as after, and at most half a window."""
    return all(a == b and 2 * a <= k for (a, b), k in zip(around, kernel, strict=True))


def max_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, pads: list[int] | None = None, storage_order: int = 0,
    strides: list[int] | None = None, node: Node,
) -> Expression | Unpack:  # fmt: skip
    rank = len(kernel_shape)
    steps, holes, around = _window(x, auto_pad, pads, kernel_shape, strides, dilations)
    wants_indices = len(node.outputs) > 1 and node.used[1]
    if rank > 3:
        raise Refusal(f"{rank} spatial dimensions")
    native = _symmetric(around, kernel_shape) and x.known_dtype in FLOATS
    if wants_indices or not native:
        call = Symbol("max_pool")(
            x, kernel_shape, steps, [list(pair) for pair in around], holes, bool(ceil_mode),
            bool(storage_order),
        )  # fmt: skip
        return Unpack(call, 2)
    options = unlike(1, dilation=holes) | unlike(0, padding=[before for before, _ in around])
    if ceil_mode:
        options["ceil_mode"] = True
    function = Symbol(f"F.max_pool{rank}d")
    return function(x, same_or_list(kernel_shape), stride=same_or_list(steps), **options)


def average_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: list[int] | None = None, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    rank = len(kernel_shape)
    steps, holes, around = _window(x, auto_pad, pads, kernel_shape, strides, dilations)
    if rank > 3:
        raise Refusal(f"{rank} spatial dimensions")
    if not _symmetric(around, kernel_shape) or any(hole != 1 for hole in holes):
        return Symbol("average_pool")(
            x, kernel_shape, steps, [list(pair) for pair in around], holes, bool(ceil_mode),
            bool(count_include_pad),
        )  # fmt: skip
    options: dict[str, Any] = unlike(0, padding=[before for before, _ in around])
    if ceil_mode:
        options["ceil_mode"] = True
    if options and not count_include_pad:
        options["count_include_pad"] = False
    function = Symbol(f"F.avg_pool{rank}d")
    return function(x, same_or_list(kernel_shape), stride=same_or_list(steps), **options)


def lp_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, p: int = 2, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    if len(kernel_shape) > 3:
        raise Refusal(f"{len(kernel_shape)} spatial dimensions")
    steps, holes, around = _window(x, auto_pad, pads, kernel_shape, strides, dilations)
    return Symbol("lp_pool")(
        x, kernel_shape, steps, [list(pair) for pair in around], holes, bool(ceil_mode), p
    )


def _spatial(x: Value) -> list[int]:
    return list(range(2, x.known_rank))


def global_average_pool(x: Value) -> Expression:
    return torch.mean(x, dim=_spatial(x), keepdim=True)


def global_max_pool(x: Value) -> Expression:
    return torch.amax(x, dim=_spatial(x), keepdim=True)


def global_lp_pool(x: Value, *, p: int = 2) -> Expression:
    return torch.linalg.vector_norm(x, ord=p, dim=_spatial(x), keepdim=True)


def max_unpool(
    x: Value, indices: Value, output_shape: Value | None = None, *, kernel_shape: list[int],
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    rank = len(kernel_shape)
    steps = strides or [1] * rank
    around = explicit_pads("", pads, [], kernel_shape, steps, [1] * rank)
    inferred = [
        *(x.size(axis) for axis in (0, 1)),
        *(
            (x.size(i + 2) - 1) * steps[i] + kernel_shape[i] - sum(around[i])  # type: ignore
            for i in range(rank)
        ),
    ]
    shape: Any = list(inferred)
    wanted: Any = None
    if output_shape is not None:
        wanted = output_shape.method("tolist") if output_shape.elements is None else list(
            output_shape.elements
        )  # fmt: skip
    return Symbol("max_unpool")(x, indices, shape, wanted)
