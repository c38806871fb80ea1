"""Operators that move, cut and arrange. Sizes are numbers, or taken from other arrays as they run
(interop.converters.mxnet.sizes)."""

from __future__ import annotations

import math
from typing import Any

import numpy
from interop.converters.mxnet.lowerings.common import FLOATS, dtype, legacy, mnp, npx, to

from interop.source.expression import Expression, Symbol
from interop.source.operands import number
from interop.source.printer import Node
from interop.source.values import Refusal, Value

_FAR = numpy.iinfo(numpy.int32).max


def identity(x: Value) -> Expression:
    return x


def _known(node: Node) -> tuple[int, ...] | None:
    """The result's shape, where all of it is known."""
    shape = node.outputs[0].shape
    if shape is None or None in shape:
        return None
    return tuple(size for size in shape if size is not None)


def _shaped(x: Expression, shape: tuple[int | None, ...] | None, what: str) -> Expression:
    """`x` with that shape, of which MXNet may infer one size."""
    if shape is None or sum(size is None for size in shape) > 1:
        raise Refusal(f"{what} must be constant, or follow from the inputs' sizes")
    sizes = [-1 if size is None else size for size in shape]
    if -1 in sizes and 0 in sizes:
        raise Refusal("a size that is not known beside one of zero")
    return mnp.reshape(x, tuple(sizes))


def reshape(
    x: Value, shape: Value | None = None, *, allowzero: int = 0, codes: list[int] | None = None,
    reverse: int = 0, node: Node,
) -> Expression:  # fmt: skip
    """`codes` are MXNet's: -2 copies a size, -1 infers one (interop.converters.mxnet.sizes)."""
    if codes is not None:
        return (
            npx.reshape(x, tuple(codes), reverse=True) if reverse else npx.reshape(x, tuple(codes))
        )
    known = node.outputs[0].shape
    if known is not None and sum(size is None for size in known) <= 1:
        return _shaped(x, known, "the shape")
    if shape is not None and shape.constant is not None and not allowzero:
        target = shape.ints("shape")
        zeros = [axis for axis, size in enumerate(target) if size == 0]
        if zeros == list(range(len(zeros))):
            return npx.reshape(x, tuple(-2 if size == 0 else size for size in target))
    return _shaped(x, known, "the shape")


def reshape_to(x: Value, *sources: Value, dims: list[int], axes: list[int]) -> Expression:
    return npx.reshape_like(x, zeros_of(sources, dims, axes))


def expand_to(x: Value, *sources: Value, dims: list[int], axes: list[int]) -> Expression:
    like = zeros_of(sources, dims, axes)
    if x.known_dtype == "bool":
        return to(to(x, "uint8") + to(like, "uint8"), "bool")
    return x + (like if x.known_dtype == "float32" else to(like, x.known_dtype))


def zeros_of(sources: tuple[Value, ...], dims: list[int], axes: list[int]) -> Expression:
    """Zeros of the shape `dims`, where each -1 is the next source's size along its entry of `axes`."""
    given = [[source, axis] for source, axis in zip(sources, axes, strict=True)]
    return Symbol("zeros")(tuple(dims), given)


def constant_of_shape_to(
    *sources: Value, dims: list[int], axes: list[int], value: numpy.ndarray | None = None
) -> Expression:
    fill = numpy.zeros((), numpy.float32) if value is None else value.reshape(())
    zeros = zeros_of(sources, dims, axes)
    if fill.dtype == numpy.bool_:
        return to(zeros + float(fill), "bool")
    typed = zeros if fill.dtype == numpy.float32 else to(zeros, fill.dtype.name)
    return typed + fill.item() if fill.any() else typed


def range_to(
    start: Value, delta: Value, source: Value, *, dims: list[int], axes: list[int]
) -> Expression:
    """As many numbers as the source has entries along the axis."""
    name = start.known_dtype
    numbers = npx.arange_like(source, axis=axes[0])
    typed = numbers if name == "float32" else to(numbers, name)
    first, step = number(start), number(delta)
    if isinstance(step, Expression) or step != 1:
        typed = typed * step
    return typed if not isinstance(first, Expression) and first == 0 else typed + first


def flatten(x: Value, *, axis: int = 1) -> Expression:
    rank = x.known_rank
    axis = axis % rank if axis < 0 else axis
    if axis == 1 and rank > 1:
        return npx.reshape(x, (-2, -1))
    if x.shape is not None and None not in x.shape:
        shape = [size or 0 for size in x.shape]
        return mnp.reshape(x, (math.prod(shape[:axis]), math.prod(shape[axis:])))
    if axis == 0:
        return mnp.reshape(x, (1, -1))
    inner = x.shape[axis:] if x.shape is not None else (None,)
    if None in inner:
        raise Refusal("Flatten of sizes that are not known")
    return mnp.reshape(x, (-1, math.prod(size or 0 for size in inner)))


def transpose(x: Value, *, perm: list[int] | None = None) -> Expression:
    order = tuple(perm if perm is not None else range(x.known_rank)[::-1])
    if not order:
        return x
    if x.known_dtype == "bool":  # for which MXNet has no kernel
        return to(mnp.transpose(to(x, "uint8"), order), "bool")
    return mnp.transpose(x, order)


def squeeze(x: Value, axes: Value | None = None, *, node: Node) -> Expression:
    if axes is not None and axes.constant is not None:
        positions = axes.ints("axes")
        return mnp.squeeze(x, tuple(positions)) if positions else x
    if axes is None and x.shape is not None and None not in x.shape:
        return mnp.squeeze(x)
    return _shaped(x, node.outputs[0].shape, "axes")


def unsqueeze(x: Value, axes: Value, *, node: Node) -> Expression:
    if axes.constant is None:
        return _shaped(x, node.outputs[0].shape, "axes")
    positions = axes.ints("axes")
    rank = x.known_rank + len(positions)
    result: Expression = x
    for axis in sorted(axis % rank for axis in positions):
        result = mnp.expand_dims(result, axis)
    return result


def concat(*xs: Value, axis: int) -> Expression:
    return mnp.concatenate(list(xs), axis=axis) if len(xs) > 1 else xs[0]


def split(
    x: Value, parts: Value | None = None, *, axis: int = 0, num_outputs: int = 0, node: Node
) -> Any:
    count = len(node.outputs)
    along = axis % x.known_rank
    sizes: list[int | None] = [
        None if out.shape is None else out.shape[along] for out in node.outputs
    ]
    if parts is not None and parts.constant is not None:
        sizes = list(parts.ints("split"))
    elif parts is None and (size := x.dim(axis)) is not None:
        each = -(-size // count)  # the last part may be smaller
        sizes = [*[each] * (count - 1), size - each * (count - 1)]
    if None in sizes:
        raise Refusal("the sizes of the parts must be constant")
    ends = [sum(size or 0 for size in sizes[: i + 1]) for i in range(count)]
    starts = [0, *ends[:-1]]
    return tuple(
        legacy("slice_axis", x, axis=along, begin=first, end=last)
        if first < last
        else _nothing(x, out.shape)
        for first, last, out in zip(starts, ends, node.outputs, strict=True)
    )


def _nothing(x: Value, shape: tuple[int | None, ...] | None) -> Expression:
    """An array without entries, which MXNet's slices do not give."""
    if shape is None or None in shape:
        raise Refusal("an empty part needs known sizes")
    return mnp.zeros(shape, dtype=dtype(x.known_dtype))


def slice_(
    x: Value, starts: Value, ends: Value, axes: Value | None = None, steps: Value | None = None,
    *, node: Node,
) -> Expression:  # fmt: skip
    first, last = starts.ints("starts"), ends.ints("ends")
    positions = axes.ints("axes") if axes is not None else list(range(len(first)))
    stride = steps.ints("steps") if steps is not None else [1] * len(first)
    rank = x.known_rank
    if 0 in (_known(node) or ()):
        return _nothing(x, _known(node))
    begin: list[int | None] = [None] * rank
    end: list[int | None] = [None] * rank
    step: list[int | None] = [None] * rank
    for axis, low, high, by in zip(positions, first, last, stride, strict=True):
        place = axis % rank
        size = None if x.shape is None else x.shape[place]
        begin[place], end[place], step[place] = _bounds(low, high, by, size)
    if all(part is None for part in (*begin, *end, *step)):
        return x
    while begin[-1] is None and end[-1] is None and step[-1] is None:
        begin.pop(), end.pop(), step.pop()
    options = {"step": tuple(step)} if any(by is not None for by in step) else {}
    return npx.slice(x, begin=tuple(begin), end=tuple(end), **options)


def _bounds(
    low: int, high: int, by: int, size: int | None
) -> tuple[int | None, int | None, int | None]:
    """MXNet's for ONNX's, which clamps ends that lie outside."""
    if size is None:
        if by < 0 and not (low in (-1,) or low >= _FAR):
            raise Refusal("a slice backwards needs a known size")
        end = None if (high >= _FAR if by > 0 else high <= -_FAR) else high
        return (None if low == 0 or by < 0 else low), end, (None if by == 1 else by)
    if by > 0:
        low = max(low + size, 0) if low < 0 else min(low, size)
        high = max(high + size, 0) if high < 0 else min(high, size)
        return low or None, None if high == size else high, None if by == 1 else by
    low = low + size if low < 0 else min(low, size - 1)
    high = max(high + size, -1) if high < 0 else high
    return low, None if high < 0 else high, by


def pad(
    x: Value, pads: Value, value: Value | None = None, axes: Value | None = None, *,
    mode: str = "constant",
) -> Expression:  # fmt: skip
    rank = x.known_rank
    where = [a % rank for a in axes.ints("axes")] if axes is not None else list(range(rank))
    amounts = pads.ints("pads")
    table = [(0, 0)] * rank
    for index, axis in enumerate(where):
        table[axis] = (amounts[index], amounts[index + len(where)])
    result: Expression = x
    if any(amount < 0 for pair in table for amount in pair):  # negative pads cut
        begin = tuple(-min(a, 0) or None for a, _ in table)
        end = tuple(min(b, 0) or None for _, b in table)
        result = npx.slice(x, begin=begin, end=end)
        table = [(max(a, 0), max(b, 0)) for a, b in table]
    if not any(amount for pair in table for amount in pair):
        return result
    name = x.known_dtype
    wide = {"bool": "uint8", "float16": "float32"}.get(name, name)
    if wide != name:
        result = to(result, wide)
    if mode == "constant":
        fill: Any = 0 if value is None else number(value)
        padded = mnp.pad(result, tuple(table))
        if not isinstance(fill, Expression) and not fill:
            result = padded
        else:  # MXNet pads with zeros, whatever it is told
            inside = mnp.pad(mnp.ones_like(result), tuple(table)) > 0.5
            if isinstance(fill, Value) and wide != name:
                fill = to(fill, wide)
            result = mnp.where(inside, padded, fill)
    elif mode == "wrap":
        raise Refusal("MXNet has no padding by wrapping")
    else:
        if mode == "reflect" and any(
            size is not None and max(pair) >= size for size, pair in zip(x.shape or (), table)
        ):
            raise Refusal("MXNet reflects once only")
        result = mnp.pad(result, tuple(table), mode=mode)
    return to(result, name) if wide != name else result


def shape(x: Value, *, start: int = 0, end: int | None = None) -> Expression:
    sizes = npx.shape_array(x)
    if start == 0 and end is None:
        return sizes
    rank = x.known_rank
    first, last, _ = slice(start, end).indices(rank)
    if first >= last:
        return mnp.zeros((0,), dtype="int64")
    return npx.slice(sizes, begin=(first,), end=(last,))


def size(x: Value) -> Expression:
    return mnp.prod(npx.shape_array(x), dtype="int64")


def expand(x: Value, target: Value, *, node: Node) -> Expression:
    known = _known(node)
    if known is not None:
        if x.known_dtype == "bool":
            return to(mnp.broadcast_to(to(x, "uint8"), known), "bool")
        return mnp.broadcast_to(x, known)
    raise Refusal(f"the shape ('{target.name}') must be constant, or follow from the inputs' sizes")


def tile(x: Value, repeats: Value) -> Expression:
    """By concatenation: MXNet's own doubles the rank, which its gradients do not allow."""
    result: Expression = x
    for axis, count in enumerate(repeats.ints("repeats")):
        if count == 0:
            raise Refusal("MXNet repeats at least once")
        if count > 1:
            result = mnp.concatenate(Expression(f"[{result.text}] * {count}"), axis=axis)
    return result


def constant_of_shape(
    target: Value, *, value: numpy.ndarray | None = None, node: Node
) -> Expression:
    fill = numpy.zeros((), numpy.float32) if value is None else value.reshape(())
    known = tuple(target.ints("shape")) if target.constant is not None else _known(node)
    if known is None:
        raise Refusal(f"the shape ('{target.name}') must be constant")
    return mnp.full(known, fill.item(), dtype=dtype(fill.dtype.name))


def range_(start: Value, limit: Value, delta: Value, *, node: Node) -> Expression:
    known, name = _known(node), start.known_dtype
    if known is None:
        raise Refusal("how many numbers there are must be known")
    first, step = number(start), number(delta)
    numbers = mnp.arange(known[0], dtype=dtype(name))
    return numbers * step + first


def trilu(x: Value, k: Value | None = None, *, upper: int = 1) -> Expression:
    shift = 0 if k is None else k.ints("k")[0]
    name = x.known_dtype
    data: Expression = to(x, "uint8") if name == "bool" else x
    # np.triu is not there: what lies above is what np.tril leaves.
    if upper:
        kept = mnp.tril(mnp.ones_like(data), shift - 1)
        result = mnp.where(mnp.equal(kept, 0), data, mnp.zeros_like(data))
    else:
        result = mnp.tril(data, shift)
    return to(result, name) if name == "bool" else result


def depth_to_space(x: Value, *, blocksize: int, mode: str = "DCR") -> Expression:
    b = blocksize
    _, channels, height, width = _sizes4(x)
    inner = channels // (b * b)
    split, order = ((b, b, inner), (0, 3, 4, 1, 5, 2)) if mode == "DCR" else (
        (inner, b, b), (0, 1, 4, 2, 5, 3))  # fmt: skip
    parts = mnp.transpose(npx.reshape(x, (-2, *split, height, width)), order)
    return npx.reshape(parts, (-2, inner, height * b, width * b))


def space_to_depth(x: Value, *, blocksize: int) -> Expression:
    b = blocksize
    _, channels, height, width = _sizes4(x)
    cut = npx.reshape(x, (-2, channels, height // b, b, width // b, b))
    parts = mnp.transpose(cut, (0, 3, 5, 1, 2, 4))
    return npx.reshape(parts, (-2, channels * b * b, height // b, width // b))


def _sizes4(x: Value) -> tuple[int, int, int, int]:
    if x.shape is None or None in x.shape[1:]:
        raise Refusal("needs known sizes")
    return tuple(size or 0 for size in x.shape)  # type: ignore[return-value]


def eye_like(x: Value, *, dtype: int | None = None, k: int = 0, node: Node) -> Expression:
    known, name = _known(node), node.outputs[0].dtype
    if known is None or name is None:
        raise Refusal("the shape and dtype must be known")
    wide = name if name in FLOATS else "float32"
    eye = mnp.eye(known[0], known[1], k, dtype=wide)
    return eye if wide == name else to(eye, name)


def dropout(
    x: Value, ratio: Value | None = None, training: Value | None = None, *, seed: int = 0
) -> Any:
    kept = ratio is not None and ratio.constant is not None and not ratio.constant.any()
    if training is None or kept or (training.constant is not None and not training.constant.any()):
        return x, to(mnp.ones_like(x), "bool")
    raise Refusal("dropout in training mode")
