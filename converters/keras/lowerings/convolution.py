"""Convolutions over channels-last data, as layers where their weights are constant."""

from __future__ import annotations

from typing import Any

from interop.converters.keras.lowerings.common import array, layer, ops, raw

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Refusal, Value
from interop.source.windows import explicit_pads


def padded(x: Value, around: list[tuple[int, int]], fill: Any = None) -> Any:
    """`x` with its spatial axes padded; itself where nothing is to be padded."""
    if not any(before or after for before, after in around):
        return x
    pairs = [[0, 0], *[list(pair) for pair in around], [0, 0]]
    return ops.pad(x, pairs) if fill is None else ops.pad(x, pairs, constant_values=fill)


def conv(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    """Weights [out, in / group, spatial…]."""
    if w.shape is None or None in w.shape[1:]:
        raise Refusal("the shape of the weights is not known")
    rank = len(w.shape) - 2
    if rank not in (1, 2, 3):
        raise Refusal(f"{rank} spatial dimensions")
    kernel = [int(size) for size in w.shape[2:] if size is not None]
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    if max(strides) > 1 and max(dilations) > 1:
        raise Refusal("Keras has no convolution with both strides and dilations")
    sizes = [x.dim(axis) for axis in range(1, rank + 1)]
    around = explicit_pads(auto_pad, pads, sizes, kernel, strides, dilations)
    totals = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    same = max(strides) == 1 and around == [(t // 2, t - t // 2) for t in totals]
    same = same and any(totals)
    source = x if same else padded(x, around)
    options: dict[str, Any] = {}
    if max(strides) > 1:
        options["strides"] = strides
    if same:
        options["padding"] = "same"
    if max(dilations) > 1:
        options["dilation_rate"] = dilations
    channels = x.dim(-1)
    constant = isinstance(w, Constant) and (b is None or isinstance(b, Constant))
    depthwise = group > 1 and w.shape[1] == 1 and channels == group and rank in (1, 2)
    depthwise = depthwise and (len(set(strides)) == 1)
    if not constant or x.dtype != "float32":
        kernels = ops.transpose(w, [*range(2, rank + 2), 1, 0])
        if group > 1 and channels is None:
            raise Refusal("grouped convolution over an unknown number of channels")
        more = {
            "strides": strides, "padding": "same" if same else "valid", "dilation_rate": dilations,
        }  # fmt: skip
        result: Expression = (
            ops.conv(source, kernels, **more)
            if group == 1
            else Symbol("grouped_conv")(source, kernels, group, **more)
        )
        return result if b is None else ops.add(result, b)
    assert isinstance(w, Constant)
    if b is None:
        options["use_bias"] = False
    if depthwise:
        multiplier = int(w.constant.shape[0]) // group
        filters = w.constant.transpose([*range(2, rank + 2), 1, 0])
        weights = [array(w, filters.reshape(*kernel, group, multiplier), "depthwise")]
        name = f"DepthwiseConv{rank}D"
        if multiplier > 1:
            options["depth_multiplier"] = multiplier
        if "strides" in options:
            options["strides"] = strides[0]
        arguments: list[Any] = [kernel]
    else:
        weights = [array(w, w.constant.transpose([*range(2, rank + 2), 1, 0]), "layer")]
        name = f"Conv{rank}D"
        arguments = [int(w.constant.shape[0]), kernel]
        if group > 1:
            options["groups"] = group
    if b is not None:
        weights.append(raw(b))
    return layer(name, weights, [source], *arguments, named=w, **options)


def conv_transpose(
    x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None, output_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    """Weights [in, out / group, spatial…]. Computed without padding, then cut, as ONNX defines it."""
    if w.shape is None or None in w.shape:
        raise Refusal("the shape of the weights is not known")
    rank = len(w.shape) - 2
    kernel = [int(size) for size in w.shape[2:] if size is not None]
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    if group != 1 or max(dilations) > 1 or output_shape is not None or rank > 3:
        raise Refusal("groups, dilations or an output shape are not covered")
    if auto_pad not in ("NOTSET", "", "VALID"):
        raise Refusal(f"auto_pad={auto_pad} is not covered")
    extra = output_padding or [0] * rank
    around = explicit_pads(auto_pad, pads, [None] * rank, kernel, strides, dilations)
    constant = isinstance(w, Constant) and (b is None or isinstance(b, Constant))
    if not constant or x.dtype != "float32":
        raise Refusal("the weights must be constant float32")
    if any(k < s for k, s in zip(kernel, strides, strict=True)):
        raise Refusal("strides larger than the kernel are not covered")
    assert isinstance(w, Constant)
    # [in, out, spatial…] → Keras's [spatial…, out, in]
    weights = [array(w, w.constant.transpose([*range(2, rank + 2), 1, 0]), "layer")]
    if b is not None:
        weights.append(raw(b))
    options: dict[str, Any] = {"strides": strides} if max(strides) > 1 else {}
    if b is None:
        options["use_bias"] = False
    result = layer(
        f"Conv{rank}DTranspose", weights, [x], int(w.constant.shape[1]), kernel, named=w, **options
    )
    cut = [(before, after - e) for (before, after), e in zip(around, extra, strict=True)]
    if any(after < 0 for _, after in cut):
        raise Refusal("output padding beyond the pads is not covered")
    if not any(before or after for before, after in cut):
        return result
    parts = [slice(None), *[slice(a or None, -z if z else None) for a, z in cut]]
    return result[tuple(parts)]


def depth_to_space(x: Value, *, blocksize: int, mode: str = "DCR") -> Expression:
    return Symbol("depth_to_space")(x, blocksize, mode == "DCR")


def space_to_depth(x: Value, *, blocksize: int) -> Expression:
    return Symbol("space_to_depth")(x, blocksize)
