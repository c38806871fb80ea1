"""How a window slides, by ONNX's rules: what every target's pools share."""

from __future__ import annotations

from interop.source.values import Refusal, Value


def kernel_sizes(w: Value) -> list[int]:
    """The spatial sizes of weights [out, in / group, spatial…]; a Refusal where one is not known."""
    if w.shape is None or None in w.shape[2:]:
        raise Refusal("the shape of the weights is not known")
    return [int(size) for size in w.shape[2:] if size is not None]


def explicit_pads(
    auto_pad: str, pads: list[int] | None, sizes: list[int | None], kernel: list[int],
    strides: list[int], dilations: list[int],
) -> list[tuple[int, int]]:  # fmt: skip
    """Padding of each spatial axis as (before, after), by the rules of ONNX's `auto_pad`."""
    rank = len(kernel)
    if auto_pad in ("NOTSET", ""):
        pads = pads or [0] * (2 * rank)
        return [(pads[i], pads[i + rank]) for i in range(rank)]
    if auto_pad == "VALID":
        return [(0, 0)] * rank
    result = []
    for size, window, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        if size is None and stride != 1:
            raise Refusal(f"auto_pad={auto_pad} with strides needs a known spatial size")
        reach = (window - 1) * dilation + 1
        steps = 1 if size is None else -(-size // stride)
        total = max(0, (steps - 1) * stride + reach - (size or 1))
        small, large = total // 2, total - total // 2
        result.append((small, large) if auto_pad == "SAME_UPPER" else (large, small))
    return result


def ceil_padding(
    sizes: list[int | None], around: list[tuple[int, int]], kernel: list[int], strides: list[int],
    dilations: list[int],
) -> list[int]:  # fmt: skip
    """What `ceil_mode` adds to the padding after each axis, for its last window to be whole."""
    added = [0] * len(kernel)
    for axis, (size, (before, after)) in enumerate(zip(sizes, around, strict=True)):
        if size is None:
            if strides[axis] != 1:
                raise Refusal("ceil_mode needs a known spatial size")
            continue
        span = size + before + after - (kernel[axis] - 1) * dilations[axis] - 1
        steps = -(-span // strides[axis])
        if steps * strides[axis] >= size + before:  # the last window would start in padding
            steps -= 1
        added[axis] = max(0, steps * strides[axis] - span)
    return added


def window(
    x: Value, kernel: list[int], auto_pad: str, pads: list[int] | None, strides: list[int] | None,
    dilations: list[int] | None, ceil_mode: int,
) -> tuple[list[int], list[int], list[tuple[int, int]], list[int]]:  # fmt: skip
    """Strides, dilations, padding, and how much of the padding after is there for ceil_mode only."""
    rank = len(kernel)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    sizes = [x.dim(axis) for axis in range(1, rank + 1)]
    around = explicit_pads(auto_pad, pads, sizes, kernel, strides, dilations)
    ceiling = [0] * rank
    if ceil_mode and auto_pad in ("NOTSET", ""):
        ceiling = ceil_padding(sizes, around, kernel, strides, dilations)
    widened = [(b, a + c) for (b, a), c in zip(around, ceiling, strict=True)]
    return strides, dilations, widened, ceiling
