"""Convolutions, pools, and what works by channel. Order NCHW, which is Caffe2's default."""

from __future__ import annotations

import math
from typing import Any

from interop.converters.caffe2.lowerings.common import Lowering, add, first, known

from interop.source.expression import Expression
from interop.source.printer import Node
from interop.source.values import Refusal, Value
from interop.source.windows import explicit_pads


def _geometry(
    x: Value, kernel: list[int], auto_pad: str, pads: list[int] | None, strides: list[int] | None,
    dilations: list[int] | None,
) -> dict[str, Any]:  # fmt: skip
    rank = len(kernel)
    if not 1 <= rank <= 3:
        raise Refusal(f"{rank} spatial dimensions")
    steps, holes = strides or [1] * rank, dilations or [1] * rank
    spatial = [x.dim(axis) for axis in range(2, rank + 2)]
    pairs = explicit_pads(auto_pad, pads, spatial, kernel, steps, holes)
    if any(amount < 0 for pair in pairs for amount in pair):
        raise Refusal("negative padding")
    around = [before for before, _ in pairs] + [after for _, after in pairs]
    options: dict[str, Any] = {"kernels": kernel, "strides": steps, "pads": around}
    if any(hole != 1 for hole in holes):
        options["dilations"] = holes
    return options


def _kernel(w: Value) -> list[int]:
    return known(w)[2:]


def conv(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    options = _geometry(x, _kernel(w), auto_pad, pads, strides, dilations)
    if group != 1:
        options["group"] = group
    return add("Conv", *([x, w] if b is None else [x, w, b]), **options)


def conv_transpose(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None, output_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    if output_shape is not None or auto_pad not in ("NOTSET", "", "VALID"):
        raise Refusal("the size of a transposed convolution by its result")
    kernel = _kernel(w)
    if len(kernel) != 2 or any(hole != 1 for hole in dilations or []):
        raise Refusal("a transposed convolution but in two dimensions, or with holes")
    options = _geometry(x, kernel, auto_pad, pads, strides, None)
    if any(output_padding or []):
        options["adjs"] = output_padding
    if group != 1:
        options["group"] = group
    return add("ConvTranspose", *([x, w] if b is None else [x, w, b]), **options)


def _pool(
    operator: str, x: Value, kernel: list[int], auto_pad: str, ceil_mode: int,
    dilations: list[int] | None, pads: list[int] | None, strides: list[int] | None, **more: Any,
) -> Expression:  # fmt: skip
    if any(hole != 1 for hole in dilations or []):
        raise Refusal("Caffe2 has no pool with dilation")
    options = _geometry(x, kernel, auto_pad, pads, strides, None)
    if ceil_mode and auto_pad in ("NOTSET", ""):
        _exact(x, kernel, options)
    return add(operator, x, **options, **more)


def _exact(x: Value, kernel: list[int], options: dict[str, Any]) -> None:
    """Refuse windows that reach beyond the padding."""
    rank = len(kernel)
    for axis in range(rank):
        size, step = x.dim(axis + 2), options["strides"][axis]
        if step == 1:
            continue
        if size is None:
            raise Refusal("ceil_mode needs a known spatial size")
        around = options["pads"][axis] + options["pads"][axis + rank]
        if (size + around - kernel[axis]) % step:
            raise Refusal("windows that reach beyond the padding")


def max_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: list[int] | None = None, pads: list[int] | None = None, storage_order: int = 0,
    strides: list[int] | None = None, node: Node,
) -> Expression:  # fmt: skip
    if any(node.used[1:]):
        raise Refusal("where a maximum stands")
    return _pool("MaxPool", x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)


def average_pool(
    x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: list[int] | None = None, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    more = {"count_include_pad": 1} if count_include_pad else {}
    return _pool(
        "AveragePool", x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides, **more
    )


def global_pool(operator: str) -> Lowering:
    def lowering(x: Value) -> Expression:
        return add(operator, x, axes=list(range(2, x.known_rank)), keepdims=1)

    return lowering


def batch_normalization(
    x: Value, scale: Value, bias: Value, mean: Value, variance: Value, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0,
) -> Expression:  # fmt: skip
    if training_mode:
        raise Refusal("batch normalisation in training mode")
    return add("SpatialBN", x, scale, bias, mean, variance, is_test=1, epsilon=epsilon)


def instance_normalization(
    x: Value, scale: Value, bias: Value, *, epsilon: float = 1e-5
) -> Expression:
    return add("InstanceNorm", x, scale, bias, epsilon=epsilon)


def lrn(
    x: Value, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Expression:
    if size % 2 == 0 or x.known_rank != 4:
        raise Refusal("an even number of channels, or no image")
    return first("LRN", x, count=2, size=size, alpha=alpha, beta=beta, bias=bias)


def pad(
    x: Value, pads: Value, value: Value | None = None, axes: Value | None = None, *,
    mode: str = "constant",
) -> Expression:  # fmt: skip
    """Caffe2 pads the last two of four axes: others come there and go back."""
    rank, amounts = x.known_rank, pads.ints("the padding")
    where = list(range(rank)) if axes is None else [a % rank for a in axes.ints("axes")]
    table = [(0, 0)] * rank
    for index, axis in enumerate(where):
        table[axis] = (amounts[index], amounts[index + len(where)])
    if not any(amount for pair in table for amount in pair):
        return x
    if mode == "wrap":
        raise Refusal("padding around")
    options: dict[str, Any] = {"mode": mode}
    if mode == "constant" and value is not None:
        options["value"] = float(value.required("the padding").reshape(-1)[0])
    return (_turned if rank <= 4 else _merged)(x, table, options)


#: The first two of four axes last; twice, nothing has moved.
_ORDER = [2, 3, 0, 1]


def _turned(x: Value, table: list[tuple[int, int]], options: dict[str, Any]) -> Expression:
    """Axes that are missing are put in front; the first two are padded where the last two are."""
    front = list(range(4 - len(table)))
    wide = [(0, 0)] * len(front) + table
    result: Expression = add("ExpandDims", x, dims=front) if front else x
    result = _padded(result, wide[2:], options)
    if any(amount for pair in wide[:2] for amount in pair):
        moved = _padded(add("Transpose", result, axes=_ORDER), wide[:2], options)
        result = add("Transpose", moved, axes=_ORDER)
    return add("Squeeze", result, dims=front) if front else result


def _merged(x: Value, table: list[tuple[int, int]], options: dict[str, Any]) -> Expression:
    """One axis after the other, those before it as one and those behind it as one."""
    sizes = [-1 if size is None else size for size in x.shape or ()]
    if sizes.count(-1) > 1:
        raise Refusal("padding of more than four axes, several of which are not known")
    result: Expression = x
    for axis, pair in enumerate(table):
        if not any(pair):
            continue
        parts = sizes[:axis], sizes[axis : axis + 1], sizes[axis + 1 :]
        flat = [-1 if -1 in part else math.prod(part) for part in parts]
        image = first("Reshape", result, count=2, shape=[1, *flat])
        sizes[axis] += sum(pair) if sizes[axis] >= 0 else 0
        image = _padded(image, [pair, (0, 0)], options)
        result = first("Reshape", image, count=2, shape=list(sizes))
    return result


def _padded(x: Expression, table: list[tuple[int, int]], options: dict[str, Any]) -> Expression:
    """The last two of four axes, so much before and behind each."""
    (top, bottom), (left, right) = table
    if not any((top, bottom, left, right)):
        return x
    return add("PadImage", x, pads=[top, left, bottom, right], **options)
