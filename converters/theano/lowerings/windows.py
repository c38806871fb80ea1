"""Convolutions and pools. Theano convolves floats of 32 and 64 bits, in two and three dimensions."""

from __future__ import annotations

from typing import Any

from interop.converters.theano.lowerings.common import T, number, to

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Refusal, Value
from interop.source.windows import ceil_padding, explicit_pads, kernel_sizes

Pairs = list[tuple[int, int]]


def _around(
    x: Value, kernel: list[int], auto_pad: str, pads: list[int] | None, strides: list[int],
    dilations: list[int],
) -> Pairs:  # fmt: skip
    if not 1 <= len(kernel) <= 3:
        raise Refusal(f"{len(kernel)} spatial dimensions")
    spatial = [x.dim(axis) if x.shape is not None else None for axis in range(2, len(kernel) + 2)]
    return explicit_pads(auto_pad, pads, spatial, kernel, strides, dilations)


def _wide(x: Value) -> Expression:
    if x.known_dtype not in ("float16", "float32", "float64"):
        raise Refusal(f"a convolution of {x.known_dtype}")
    return to(x, "float32") if x.dtype == "float16" else x


def _flat(x: Expression) -> Expression:
    """One dimension as two, the second of one entry."""
    return x.method("dimshuffle", 0, 1, 2, "x")


def _sides(pairs: Pairs) -> Any:
    """Padding as Theano takes it: a number where both ends are the same."""
    if all(pair == (0, 0) for pair in pairs):
        return "valid"
    return tuple(before if before == after else (before, after) for before, after in pairs)


def _padded(x: Expression, pairs: Pairs, fill: Expression) -> Expression:
    return Symbol("pad")(x, [(0, 0), (0, 0), *pairs], fill)


def conv(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    kernel = kernel_sizes(w)
    rank = len(kernel)
    steps, holes = strides or [1] * rank, dilations or [1] * rank
    pairs = _around(x, kernel, auto_pad, pads, steps, holes)
    data, weights = _wide(x), _wide(w)
    uneven = any(before != after for before, after in pairs)
    if any(amount < 0 for pair in pairs for amount in pair) or (rank == 3 and uneven):
        data, pairs = _padded(data, pairs, number(0, "float32")), [(0, 0)] * rank
    if rank == 1:
        data, weights = _flat(data), _flat(weights)
        steps, holes, pairs = [*steps, 1], [*holes, 1], [*pairs, (0, 0)]
    options: dict[str, Any] = {"border_mode": _sides(pairs), "subsample": tuple(steps)}
    options["filter_flip"] = False
    if any(hole != 1 for hole in holes):
        options["filter_dilation"] = tuple(holes)
    if group != 1:
        options["num_groups"] = group
    function = T.nnet.conv3d if rank == 3 else T.nnet.conv2d
    result = function(data, weights, **options)
    if rank == 1:
        result = result[:, :, :, 0]
    result = to(result, "float16") if x.dtype == "float16" else result
    return result if b is None else result + _channels(b, rank)


def _channels(b: Value, rank: int) -> Expression:
    return b.method("dimshuffle", 0, *["x"] * rank)


def conv_transpose(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None, output_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    """The gradient of a convolution by its input; what Theano has no words for is written simpler."""
    kernel = kernel_sizes(w)
    rank = len(kernel)
    steps, holes = strides or [1] * rank, dilations or [1] * rank
    extra = output_padding or [0] * rank
    if output_shape is not None or auto_pad not in ("NOTSET", "", "VALID"):
        raise Refusal("the size of a transposed convolution by its result")
    pairs = _around(x, kernel, auto_pad, pads, steps, holes)
    if rank != 2 or any(amount < 0 for pair in pairs for amount in pair) or x.dtype == "float16":
        raise Refusal("a transposed convolution but in two dimensions, or cut below zero")
    if w.shape is None or w.shape[1] is None:
        raise Refusal("the shape of the weights is not known")
    sizes: list[Any] = []
    for axis in range(2):
        added = (kernel[axis] - 1) * holes[axis] + 1 - sum(pairs[axis]) + extra[axis]
        size = x.size(axis + 2)
        sizes.append((size - 1) * steps[axis] + added)
    options: dict[str, Any] = {"border_mode": _sides(pairs), "subsample": tuple(steps)}
    options["filter_flip"] = False
    if any(hole != 1 for hole in holes):
        options["filter_dilation"] = tuple(holes)
    if group != 1:
        options["num_groups"] = group
    shape = (None, w.shape[1] * group, *sizes)
    result = T.nnet.abstract_conv.conv2d_grad_wrt_inputs(x, w, shape, **options)
    return result if b is None else result + _channels(b, rank)


def _window(
    x: Value, kernel: list[int], auto_pad: str, ceil_mode: int, dilations: list[int] | None,
    pads: list[int] | None, strides: list[int] | None,
) -> tuple[list[int], Pairs, list[int]]:  # fmt: skip
    """Strides, padding, and how much of the padding after is there for ceil_mode only."""
    rank = len(kernel)
    steps = strides or [1] * rank
    if any(hole != 1 for hole in dilations or []):
        raise Refusal("Theano has no pool with dilation")
    pairs = _around(x, kernel, auto_pad, pads, steps, [1] * rank)
    ceiling = [0] * rank
    if ceil_mode and auto_pad in ("NOTSET", ""):
        sizes = [x.dim(axis) for axis in range(2, rank + 2)]
        ceiling = ceil_padding(sizes, pairs, kernel, steps, [1] * rank)
    return steps, pairs, ceiling


def _pool(x: Expression, kernel: list[int], steps: list[int], pads: list[int], mode: str) -> Any:
    rank = len(kernel)
    options: dict[str, Any] = {"ignore_border": True}
    options["stride"] = tuple(steps) if rank > 1 else (steps[0], 1)
    if any(pads):
        options["pad"] = tuple(pads) if rank > 1 else (pads[0], 0)
    if mode != "max":
        options["mode"] = mode
    if rank == 1:
        return Symbol("pool_2d")(_flat(x), (kernel[0], 1), **options)[:, :, :, 0]
    return Symbol(f"pool_{rank}d")(x, tuple(kernel), **options)


def max_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, pads: list[int] | None = None, storage_order: int = 0,
    strides: list[int] | None = None, node: Node,
) -> Expression:  # fmt: skip
    if any(node.used[1:]):
        raise Refusal("Theano does not say where a maximum stands")
    steps, pairs, ceiling = _window(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    name = x.known_dtype
    data: Expression = x if name in ("float32", "float64") else to(x, "float32")
    widened = [(b, a + c) for (b, a), c in zip(pairs, ceiling, strict=True)]
    pads = [before for before, _ in widened]
    even = all(b == a and 0 <= b < k for (b, a), k in zip(widened, kernel_shape, strict=True))
    if not even:
        fill = number(float("-inf"), "float64" if name == "float64" else "float32")
        data, pads = _padded(data, widened, fill), [0] * len(kernel_shape)
    result = _pool(data, kernel_shape, steps, pads, "max")
    return result if name in ("float32", "float64") else to(result, name)


def average_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: list[int] | None = None, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    steps, pairs, ceiling = _window(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    if any(ceiling):
        raise Refusal("Theano has no average over windows that reach beyond the padding")
    data = _wide(x)
    mode = "average_inc_pad" if count_include_pad else "average_exc_pad"
    before = [pair[0] for pair in pairs]
    if any(
        pair[0] != pair[1] or not 0 <= pair[0] < k
        for pair, k in zip(pairs, kernel_shape, strict=True)
    ):
        if not count_include_pad:
            raise Refusal("Theano pads both ends of an average alike")
        data, before = _padded(data, pairs, number(0, "float32")), [0] * len(kernel_shape)
    result = _pool(data, kernel_shape, steps, before, mode)
    return to(result, "float16") if x.dtype == "float16" else result


def global_pool(function: Symbol) -> Any:
    def lowering(x: Value) -> Expression:
        return function(x, axis=list(range(2, x.known_rank)), keepdims=True)

    return lowering
