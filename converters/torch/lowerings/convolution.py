"""Convolutions; weights and data as ONNX has them."""

from __future__ import annotations

from typing import Any

from interop.converters.torch.lowerings.common import F, same_or_list

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value
from interop.source.windows import explicit_pads, kernel_sizes


def flat(around: list[tuple[int, int]]) -> list[int]:
    """As F.pad takes it: the last axis first."""
    return [amount for pair in reversed(around) for amount in pair]


def unlike(default: int, **options: list[int]) -> dict[str, Any]:
    """Those options that say anything but the default, as briefly as torch takes them."""
    return {n: same_or_list(v) for n, v in options.items() if any(one != default for one in v)}


def _kernel(w: Value) -> list[int]:
    kernel = kernel_sizes(w)
    if not 1 <= len(kernel) <= 3:
        raise Refusal(f"{len(kernel)} spatial dimensions")
    return kernel


def conv(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    kernel = _kernel(w)
    rank = len(kernel)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    spatial = [x.dim(axis) if x.shape is not None else None for axis in range(2, rank + 2)]
    around = explicit_pads(auto_pad, pads, spatial, kernel, strides, dilations)
    source: Expression = x
    symmetric = all(before == after for before, after in around)
    if not symmetric:
        source = F.pad(x, flat(around))
    padding = [before if symmetric else 0 for before, _ in around]
    options = {**unlike(1, stride=strides), **unlike(0, padding=padding)}
    options |= unlike(1, dilation=dilations, groups=[group])
    inputs = [source, w] if b is None else [source, w, b]
    return Symbol(f"F.conv{rank}d")(*inputs, **options)


def conv_transpose(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None, output_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    """Where torch's own padding cannot say it: without padding, then cut, as ONNX defines it."""
    kernel = _kernel(w)
    rank = len(kernel)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    extra = output_padding or [0] * rank
    around = _cuts(x, auto_pad, pads, output_shape, kernel, strides, dilations, extra)
    function = Symbol(f"F.conv_transpose{rank}d")
    options = unlike(1, stride=strides)
    after = {**unlike(1, groups=[group]), **unlike(1, dilation=dilations)}
    native = all(
        before == last and before >= 0 and more < max(stride, dilation)
        for (before, last), more, stride, dilation in zip(
            around, extra, strides, dilations, strict=True
        )
    )
    if native:
        options |= unlike(0, padding=[before for before, _ in around], output_padding=extra)
        return function(*([x, w] if b is None else [x, w, b]), **options, **after)
    cut = [(-before, more - last) for (before, last), more in zip(around, extra, strict=True)]
    result = F.pad(function(x, w, **options, **after), flat(cut))
    return result if b is None else result + b.method("reshape", [-1, *[1] * rank])


def _cuts(
    x: Value, auto_pad: str, pads: list[int] | None, output_shape: list[int] | None,
    kernel: list[int], strides: list[int], dilations: list[int], extra: list[int],
) -> list[tuple[int, int]]:  # fmt: skip
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
        totals = [
            ((n or 0) - 1) * s + r + e - out
            for n, s, r, e, out in zip(
                known, strides, reach, extra, output_shape[-rank:], strict=True
            )
        ]
    upper = auto_pad == "SAME_UPPER"
    return [
        (0, t) if t < 0 else (t // 2, t - t // 2) if upper else (t - t // 2, t // 2) for t in totals
    ]
