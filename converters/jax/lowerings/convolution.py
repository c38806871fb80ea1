"""Convolutions: lax's own dimension order is ONNX's, for data and weights."""

from __future__ import annotations

from typing import Any

from interop.converters.jax.lowerings.common import lax

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value
from interop.source.windows import explicit_pads, kernel_sizes


def padding(
    x: Value, kernel: list[int], auto_pad: str, pads: list[int] | None, strides: list[int],
    dilations: list[int],
) -> Any:  # fmt: skip
    """Pairs for each axis; lax's own words where they depend on sizes that are not known."""
    spatial = [x.dim(axis) if x.shape is not None else None for axis in range(2, len(kernel) + 2)]
    if auto_pad.startswith("SAME") and None in spatial:
        return "SAME" if auto_pad == "SAME_UPPER" else "SAME_LOWER"
    return explicit_pads(auto_pad, pads, spatial, kernel, strides, dilations)


def conv(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    kernel = kernel_sizes(w)
    rank = len(kernel)
    steps, holes = strides or [1] * rank, dilations or [1] * rank
    around = padding(x, kernel, auto_pad, pads, steps, holes)
    options: dict[str, Any] = {}
    if any(hole != 1 for hole in holes):
        options["rhs_dilation"] = holes
    if group != 1:
        options["feature_group_count"] = group
    result = lax.conv_general_dilated(x, w, steps, around, **options)
    return result if b is None else result + _channels(b, rank)


def conv_transpose(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None, output_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    kernel = kernel_sizes(w)
    rank = len(kernel)
    steps, holes = strides or [1] * rank, dilations or [1] * rank
    extra = output_padding or [0] * rank
    cuts = _cuts(x, auto_pad, pads, output_shape, kernel, steps, holes, extra)
    result = Symbol("conv_transpose")(x, w, steps, cuts, extra, holes, group)
    return result if b is None else result + _channels(b, rank)


def _channels(b: Value, rank: int) -> Expression:
    return b.method("reshape", -1, *[1] * rank)


def _cuts(
    x: Value, auto_pad: str, pads: list[int] | None, output_shape: list[int] | None,
    kernel: list[int], strides: list[int], dilations: list[int], extra: list[int],
) -> list[tuple[int, int]]:  # fmt: skip
    """What ONNX's padding cuts off the whole result, before and after."""
    rank = len(kernel)
    if output_shape is None and auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        return explicit_pads(auto_pad, pads, [], kernel, strides, dilations)
    known = [x.dim(axis) for axis in range(2, rank + 2)]
    if output_shape is not None and None in known:
        raise Refusal("an output shape needs a known spatial size")
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if output_shape is None:  # size · stride: the size itself drops out
        totals = [max(0, r + e - s) for s, r, e in zip(strides, reach, extra, strict=True)]
    else:
        wanted = output_shape[-rank:]
        totals = [
            ((n or 0) - 1) * s + r + e - out
            for n, s, r, e, out in zip(known, strides, reach, extra, wanted, strict=True)
        ]
    upper = auto_pad == "SAME_UPPER"
    return [
        (0, t) if t < 0 else (t // 2, t - t // 2) if upper else (t - t // 2, t // 2) for t in totals
    ]
