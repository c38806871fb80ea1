"""Convolutions: MXNet's dimension order is ONNX's, for data and weights; its padding is symmetric."""

from __future__ import annotations

from typing import Any

from interop.converters.mxnet.lowerings.common import mnp, npx, to

from interop.source.expression import Expression
from interop.source.values import Refusal, Value
from interop.source.windows import explicit_pads


def known_kernel(w: Value) -> list[int]:
    if w.shape is None or None in w.shape:
        raise Refusal("the shape of the weights is not known")
    return [int(size) for size in w.shape[2:] if size is not None]


def around(
    x: Value, kernel: list[int], auto_pad: str, pads: list[int] | None, strides: list[int],
    dilations: list[int],
) -> list[tuple[int, int]]:  # fmt: skip
    spatial = [x.dim(axis) if x.shape is not None else None for axis in range(2, len(kernel) + 2)]
    return explicit_pads(auto_pad, pads, spatial, kernel, strides, dilations)


def conv(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    kernel = known_kernel(w)
    rank = len(kernel)
    steps, holes = strides or [1] * rank, dilations or [1] * rank
    pairs = around(x, kernel, auto_pad, pads, steps, holes)
    data: Expression = x
    if any(before != after for before, after in pairs):
        data = mnp.pad(x, ((0, 0), (0, 0), *pairs))
        pairs = [(0, 0)] * rank
    options: dict[str, Any] = {
        "num_filter": w.dim(0),
        "kernel": tuple(kernel),
        "stride": tuple(steps),
        "pad": tuple(before for before, _ in pairs),
    }
    if any(hole != 1 for hole in holes):
        options["dilate"] = tuple(holes)
    if group != 1:
        options["num_group"] = group
    given = [data, w] if b is None else [data, w, b]
    if b is None:
        options["no_bias"] = True
    if x.known_dtype == "float16":  # for which MXNet has no kernel on CPUs
        return to(npx.convolution(*[to(part, "float32") for part in given], **options), "float16")
    return npx.convolution(*given, **options)


def conv_transpose(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None, output_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    """What ONNX pads is cut off the whole result; where that is symmetric, MXNet does it itself."""
    kernel = known_kernel(w)
    rank = len(kernel)
    steps, holes = strides or [1] * rank, dilations or [1] * rank
    extra = output_padding or [0] * rank
    cuts = _cuts(x, auto_pad, pads, output_shape, kernel, steps, holes, extra)
    options: dict[str, Any] = {
        "num_filter": (w.dim(1) or 0) * group,
        "kernel": tuple(kernel),
        "stride": tuple(steps),
    }
    fits = all(s > e for s, e in zip(steps, extra, strict=True))
    own = fits and all(before == after >= 0 for before, after in cuts)
    if own:
        options["pad"] = tuple(before for before, _ in cuts)
        if any(extra):
            options["adj"] = tuple(extra)
    if any(hole != 1 for hole in holes):
        options["dilate"] = tuple(holes)
    if group != 1:
        options["num_group"] = group
    options["no_bias"] = True
    result = npx.deconvolution(x, w, **options)
    if not own:
        # The extra sizes and the cut after are one matter: rows that are there, or have to be.
        more = [max(0, e - after) for (_, after), e in zip(cuts, extra, strict=True)]
        rest = [max(0, after - e) for (_, after), e in zip(cuts, extra, strict=True)]
        if any(more):
            result = mnp.pad(result, ((0, 0), (0, 0), *[(0, m) for m in more]))
        first = [before or None for before, _ in cuts]
        last = [-r or None for r in rest]
        if any(first) or any(last):
            result = npx.slice(result, begin=(None, None, *first), end=(None, None, *last))
    return result if b is None else result + mnp.reshape(b, (-1, *[1] * rank))


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
