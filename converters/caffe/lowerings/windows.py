"""Convolutions and pools. Caffe pads both ends alike, and lets the last window of a pool hang over."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.caffe.building import Net
from interop.converters.caffe.lowerings.common import Node, known, part, shaped, sizes, weight
from interop.converters.caffe.network import Word

from interop.source.values import Refusal, Value
from interop.source.windows import explicit_pads

Pairs = list[tuple[int, int]]


def _even(pairs: Pairs, dilations: list[int]) -> tuple[list[int], Pairs]:
    """The padding that both ends of each axis get, and the zeros that the kernel then begins and
    ends with, so that its windows are where they would have been."""
    pads, zeros = [], []
    for (before, after), hole in zip(pairs, dilations, strict=True):
        wide = max(before, after)
        if min(before, after) < 0:
            raise Refusal("negative padding")
        if (wide - before) % hole or (wide - after) % hole:
            raise Refusal("padding that differs by less than the dilation")
        pads.append(wide)
        zeros.append(((wide - before) // hole, (wide - after) // hole))
    return pads, zeros


def _widened(w: Value, zeros: Pairs) -> Value:
    """The weights with zeros around, where there are to be any."""
    array = w.required("the weights")
    if not any(map(any, zeros)):
        return weight(w)
    form = "around_" + "_".join(f"{before}_{after}" for before, after in zeros)
    return weight(w, np.pad(array, [(0, 0), (0, 0), *zeros]), form)


def _fields(
    outputs: int, kernel: list[int], strides: list[int], pads: list[int], dilations: list[int],
    group: int, bias: bool,
) -> dict[str, Any]:  # fmt: skip
    """A convolution's parameters, without those that are as Caffe has them anyway."""

    def numbers(values: list[int]) -> int | list[int]:
        return values[0] if len(set(values)) == 1 else values

    fields: dict[str, Any] = {"num_output": outputs, "kernel_size": numbers(kernel)}
    for name, values, usual in (
        ("stride", strides, 1),
        ("pad", pads, 0),
        ("dilation", dilations, 1),
    ):
        if set(values) != {usual}:
            fields[name] = numbers(values)
    if group != 1:
        fields["group"] = group
    return fields if bias else {**fields, "bias_term": False}


def conv(
    net: Net, node: Node, x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Value:  # fmt: skip
    array = w.required("the weights")
    rank = array.ndim - 2
    strides, holes = strides or [1] * rank, dilations or [1] * rank
    pairs = explicit_pads(auto_pad, pads, list(sizes(x)[2:]), list(array.shape[2:]), strides, holes)
    even, zeros = _even(pairs, holes)
    wide = _widened(w, zeros)
    blobs = [wide] if b is None else [wide, weight(b)]
    kernel = list((wide.shape or ())[2:])
    fields = _fields(array.shape[0], kernel, strides, even, holes, group, b is not None)  # type: ignore[arg-type]
    return net.add("Convolution", [x], node.shape, blobs, **fields)


def conv_transpose(
    net: Net, node: Node, x: Value, w: Value, b: Value | None = None, *, auto_pad: str = "NOTSET",
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None, output_shape: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Value:  # fmt: skip
    """What ONNX keeps of the full result: Caffe cuts both its ends alike, the rest is sliced off."""
    array = w.required("the weights")
    rank = array.ndim - 2
    strides, holes = strides or [1] * rank, dilations or [1] * rank
    if output_shape is not None or auto_pad not in ("NOTSET", "", "VALID"):
        raise Refusal("a transposed convolution whose padding follows from its shape")
    before = (pads or [0] * (2 * rank))[:rank]
    cut, zeros, starts, shape = [], [], [], list(node.shape)
    for axis in range(rank):
        size, wanted = known(x, axis + 2), node.shape[axis + 2] or 0
        full = strides[axis] * (size - 1) + holes[axis] * (array.shape[axis + 2] - 1) + 1
        missing = max(0, before[axis] + wanted - full)
        if missing % holes[axis]:
            raise Refusal("output padding that is no multiple of the dilation")
        zeros.append((0, missing // holes[axis]))
        full += missing
        cut.append(min(before[axis], full - before[axis] - wanted))
        starts.append(before[axis] - cut[axis])
        shape[axis + 2] = full - 2 * cut[axis]
    wide = _widened(w, zeros)
    blobs = [wide] if b is None else [wide, weight(b)]
    kernel = list((wide.shape or ())[2:])
    fields = _fields(array.shape[1] * group, kernel, strides, cut, holes, group, b is not None)  # type: ignore[arg-type]
    y = net.add("Deconvolution", [x], shape, blobs, **fields)
    for axis, start in enumerate(starts, start=2):
        y = part(net, y, axis, start, start + (node.shape[axis] or 0))
    return y


def pad(
    net: Net, node: Node, x: Value, pads: Value, constant: Value | None = None,
    axes: Value | None = None, *, mode: str = "constant",
) -> Value:  # fmt: skip
    """Zeros around an image: by a convolution of each channel with the number 1."""
    amounts, rank = pads.ints("the padding"), x.known_rank
    given = list(range(rank)) if axes is None else [a % rank for a in axes.ints("axes")]
    pairs = [(0, 0)] * rank
    for index, axis in enumerate(given):
        pairs[axis] = (amounts[index], amounts[index + len(given)])
    if mode != "constant" or (constant is not None and constant.required("the value").any()):
        raise Refusal("padding with anything but zeros")
    if rank < 3 or pairs[:2] != [(0, 0)] * 2:
        raise Refusal("padding of other axes than the spatial ones")
    ones, channels = [1] * (rank - 2), known(x, 1)
    even, zeros = _even(pairs[2:], ones)
    name = f"{pads.name}_{channels}_ones"
    wide = _widened(net.constant(name, np.ones((channels, 1, *ones), np.float32)), zeros)
    kernel = list((wide.shape or ())[2:])
    fields = _fields(channels, kernel, ones, even, ones, channels, False)  # type: ignore[arg-type]
    return net.add("Convolution", [x], node.shape, [wide], **fields)


def _counts(size: int, window: int, step: int, pad: int, clipped: bool) -> dict[str, int]:
    """How many windows Caffe makes, by its ways of rounding."""
    span = size + 2 * pad - window
    found = {"CEIL": -(-span // step) + 1, "FLOOR": span // step + 1}
    return {
        mode: count - 1 if clipped and (count - 1) * step >= size + pad else count
        for mode, count in found.items()
    }


def _fitting(
    spatial: list[int], kernel: list[int], strides: list[int], before: list[int], wanted: list[int]
) -> tuple[list[int], list[int], str, list[int]]:
    """Padding, windows to leave out at the beginning, rounding, and how many windows there are.

    Where ONNX has more padding behind than Caffe would put there, whole steps more are put before.
    """
    found = None
    for mode in ("CEIL", "FLOOR"):
        pads, skipped, counts = [], [], []
        for size, window, step, first, count in zip(
            spatial, kernel, strides, before, wanted, strict=True
        ):
            for more in range(window):
                pad = first + more * step
                there = _counts(size, window, step, pad, any(before) or more > 0)[mode]
                if pad < window and there - more >= count:
                    pads.append(pad)
                    skipped.append(more)
                    counts.append(there)
                    break
        if len(pads) < len(kernel):
            continue
        exact = counts == wanted
        if found is None or exact:
            found = pads, skipped, mode, counts
        if exact:
            break
    if found is None:
        raise Refusal("padding that Caffe's pools do not have")
    return found


def _pooled(
    net: Net, node: Node, x: Value, method: str, kernel: list[int], pads: list[int] | None,
    strides: list[int] | None, dilations: list[int] | None, auto_pad: str, with_padding: bool,
) -> Value:  # fmt: skip
    if dilations is not None and any(hole != 1 for hole in dilations):
        raise Refusal("a pool with dilations")
    strides = strides or [1] * len(kernel)
    pairs = explicit_pads(auto_pad, pads, list(sizes(x)[2:]), kernel, strides, [1] * len(kernel))
    result = node.shape
    if len(kernel) == 1:  # Caffe pools images only
        x = shaped(net, x, (*sizes(x)[:2], 1, sizes(x)[2]))
        kernel, strides, pairs = [1, *kernel], [1, *strides], [(0, 0), *pairs]
        result = (*result[:2], 1, result[2])
    if len(kernel) != 2:
        raise Refusal(f"a pool over {len(kernel)} axes")
    spatial, wanted = [known(x, 2), known(x, 3)], [size or 0 for size in result[2:]]
    even, skipped, mode, counts = _fitting(
        spatial, kernel, strides, [before for before, _ in pairs], wanted
    )
    fields: dict[str, Any] = {"pool": Word(method)}
    for name, values, usual in (("kernel", kernel, None), ("stride", strides, 1), ("pad", even, 0)):
        if len(set(values)) > 1:
            fields.update({f"{name}_h": values[0], f"{name}_w": values[1]})
        elif values[0] != usual:
            fields["kernel_size" if name == "kernel" else name] = values[0]
    if mode == "FLOOR":
        fields["round_mode"] = Word(mode)
    y = net.add("Pooling", [x], (*sizes(x)[:2], *counts), **fields)
    for axis in (0, 1):
        y = part(net, y, axis + 2, skipped[axis], skipped[axis] + wanted[axis])
    if method == "AVE":
        y = _recounted(net, y, spatial, kernel, strides, even, pairs, skipped, with_padding)
    return shaped(net, y, node.shape)


def _recounted(
    net: Net, y: Value, spatial: list[int], kernel: list[int], strides: list[int], even: list[int],
    pairs: Pairs, skipped: list[int], with_padding: bool,
) -> Value:  # fmt: skip
    """Averages over as many entries as ONNX counts: Caffe counts its padding, too."""
    ratios = []
    for axis in (0, 1):
        size, window, (before, after) = spatial[axis], kernel[axis], pairs[axis]
        low, high = (-before, size + after) if with_padding else (0, size)
        ratio = []
        for index in range(known(y, axis + 2)):
            start = (index + skipped[axis]) * strides[axis] - even[axis]
            own = min(start + window, size + even[axis]) - start
            ratio.append(own / (min(start + window, high) - max(start, low)))
        ratios.append(ratio)
    table = np.outer(*ratios).astype(np.float32)
    if np.all(table == 1):
        return y
    blob = net.constant(f"{y.name}_counts", table)
    return net.add("Scale", [y], None, [weight(blob)], axis=2, num_axes=2)


def max_pool(
    net: Net, node: Node, x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET",
    ceil_mode: int = 0, dilations: list[int] | None = None, pads: list[int] | None = None,
    storage_order: int = 0, strides: list[int] | None = None,
) -> Value:  # fmt: skip
    return _pooled(
        net, node, x, "MAX", kernel_shape, pads, strides, dilations, auto_pad, with_padding=True
    )


def average_pool(
    net: Net, node: Node, x: Value, *, kernel_shape: list[int], auto_pad: str = "NOTSET",
    ceil_mode: int = 0, count_include_pad: int = 0, dilations: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Value:  # fmt: skip
    return _pooled(
        net, node, x, "AVE", kernel_shape, pads, strides, dilations, auto_pad,
        with_padding=bool(count_include_pad),
    )  # fmt: skip


def global_pool(method: str) -> Any:
    def lowering(net: Net, node: Node, x: Value) -> Value:
        shape = sizes(x)
        if len(shape) != 4:
            rest = [size or 0 for size in shape[2:]]
            x = shaped(net, x, (*shape[:2], 1, int(np.prod(rest))))
        y = net.add("Pooling", [x], (*shape[:2], 1, 1), pool=Word(method), global_pooling=True)
        return shaped(net, y, node.shape)

    return lowering


def resize(
    net: Net, node: Node, x: Value, roi: Value | None = None, scales: Value | None = None,
    sizes_: Value | None = None, *, mode: str = "nearest", nearest_mode: str = "round_prefer_floor",
    coordinate_transformation_mode: str = "half_pixel", antialias: int = 0,
    axes: list[int] | None = None, cubic_coeff_a: float = -0.75, exclude_outside: int = 0,
    extrapolation_value: float = 0.0, keep_aspect_ratio_policy: str = "stretch",
) -> Value:  # fmt: skip
    """Every entry so many times, by a transposed convolution with ones."""
    before, after = sizes(x), node.shape
    centred = coordinate_transformation_mode == "half_pixel" and nearest_mode.startswith("round")
    cornered = coordinate_transformation_mode == "asymmetric" and nearest_mode == "floor"
    if mode != "nearest" or not (centred or cornered) or before[:2] != after[:2]:
        raise Refusal("a resizing that does not repeat entries")
    factors = [(new or 0) // (old or 1) for old, new in zip(before[2:], after[2:], strict=True)]
    if any(
        (old or 0) * f != new for old, f, new in zip(before[2:], factors, after[2:], strict=True)
    ):
        raise Refusal("a resizing by no whole number")
    channels = known(x, 1)
    ones = net.constant(f"{x.name}_repeated", np.ones((channels, 1, *factors), np.float32))
    plain = [1] * len(factors)
    fields = _fields(channels, factors, factors, [0] * len(factors), plain, channels, False)
    return net.add("Deconvolution", [x], after, [weight(ones)], **fields)
