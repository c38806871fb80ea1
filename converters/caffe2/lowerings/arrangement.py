"""Operators that move, cut and arrange; reductions and products."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from interop.converters.caffe2.lowerings.common import DTYPES, Lowering, add, first, vector

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Constant, Refusal, Unpack, Value

_FAR = np.iinfo(np.int32).max


def reshape(x: Value, shape: Value, *, allowzero: int = 0, node: Node) -> Expression:
    """By numbers where at most one size is not known; else what says the sizes says these, too."""
    target = node.outputs[0].shape
    if target is None:
        raise Refusal("the rank of its result is not known")
    if target.count(None) <= 1 or (allowzero and 0 in target):
        return reshaped(x, node=node)
    if shape.elements is None:
        raise Refusal("several sizes that are not known")
    told = zip(target, shape.elements, strict=True)
    sizes = [element if size is None else size for size, element in told]
    if all(isinstance(size, int) for size in sizes):
        return first("Reshape", x, count=2, shape=sizes)
    parts = [_entry(size) for size in sizes]
    return first("Reshape", x, first("Concat", *parts, count=2, axis=0), count=2)


def _entry(size: Any) -> Expression:
    """A number, or the size of a blob, as int64[1]."""
    if isinstance(size, int):
        return add("ConstantFill", shape=[1], value=size, dtype=DTYPES["int64"])
    found = _SIZE.fullmatch(size.text) if isinstance(size, Expression) else None
    if found is None:
        raise Refusal("several sizes that are not known")
    return add("Shape", Symbol(found[1]), axes=[int(found[2])])


def flatten(x: Value, *, axis: int = 1, node: Node) -> Expression:
    if axis % (x.known_rank + 1) > 1 and (node.outputs[0].shape or ()).count(None) > 1:
        raise Refusal("several sizes that are not known")
    return reshaped(x, node=node)


def reshaped(x: Value, *_: Value | None, node: Node, **attributes: Any) -> Expression:
    """To the shape of the result: a size that stays is 0, and one may follow from the others.

    For operators that leave the first axis where it is, if its size is not known.
    """
    target = node.outputs[0].shape
    if target is None:
        raise Refusal("the rank of its result is not known")
    before = x.shape or ()
    sizes: list[int] = []
    for axis, size in enumerate(target):
        if size is not None:
            sizes.append(size)
        elif axis == 0 and before and before[0] is None and target.count(None) > 1:
            sizes.append(0)  # only where the first size is what it was is this well-defined
        else:
            sizes.append(-1)
    if sizes.count(-1) > 1 or (0 in target and -1 in sizes):
        raise Refusal("several sizes that are not known")
    return first("Reshape", x, count=2, shape=sizes)


def transpose(x: Value, *, perm: list[int] | None = None) -> Expression:
    order = perm if perm is not None else list(range(x.known_rank))[::-1]
    return add("Transpose", x, axes=order) if order else x


def concat(*xs: Value, axis: int) -> Expression:
    return first("Concat", *xs, count=2, axis=axis % xs[0].known_rank)


def split(
    x: Value, parts: Value | None = None, *, axis: int = 0, num_outputs: int = 0, node: Node
) -> Unpack | Expression:
    count, along = len(node.outputs), axis % x.known_rank
    if count == 1:
        return x
    if parts is not None:
        lengths = parts.ints("the parts")
    else:
        size = x.dim(axis)
        if size is None:
            raise Refusal("parts of a size that is not known")
        each = -(-size // count)  # the last part may be smaller
        lengths = [each] * (count - 1) + [size - each * (count - 1)]
    return Unpack(add("Split", x, count=count, split=lengths, axis=along), count)


def slice_(
    x: Value, starts: Value, ends: Value, axes: Value | None = None, steps: Value | None = None
) -> Expression:
    """One axis at a time. Caffe2 counts ends from behind the last: -1 is the end itself."""
    first_, last = starts.ints("starts"), ends.ints("ends")
    where = list(range(len(first_))) if axes is None else axes.ints("axes")
    if steps is not None and any(step != 1 for step in steps.ints("steps")):
        raise Refusal("steps")
    rank, result = x.known_rank, x
    value: Expression = result
    for axis, start, end in zip(where, first_, last, strict=True):
        axis %= rank
        size = x.dim(axis)
        if size is None and start < 0:
            raise Refusal("a start from the end of a size that is not known")
        begin = start if size is None else min(max(start + size if start < 0 else start, 0), size)
        if size is not None:
            stop = min(max(end + size if end < 0 else end, begin), size)
            if (begin, stop) == (0, size):
                continue
        else:
            stop = -1 if end >= _FAR else end - 1 if end < 0 else end
        table = [(0, -1)] * rank
        table[axis] = (begin, stop)
        value = add("Slice", value, starts=[b for b, _ in table], ends=[e for _, e in table])
    return value


#: A size of a blob, as Value.size says it.
_SIZE = re.compile(r"(\w+)\.shape\[(\d+)\]")


def range_(start: Value, limit: Value, delta: Value) -> Expression:
    """As many numbers, from 0 on, as a blob is long along an axis."""
    size = limit.elements[0] if limit.elements else None
    found = _SIZE.fullmatch(size.text) if isinstance(size, Expression) else None
    steps = [start.constant, delta.constant]
    if found is None or None in steps or [int(step.item()) for step in steps] != [0, 1]:
        raise Refusal("Caffe2 counts from 0 by 1, to a size of another array")
    if start.dtype not in DTYPES:
        raise Refusal(f"Caffe2 has no {start.dtype} here")
    counted = add("Range", add("Shape", Symbol(found[1]), axes=[int(found[2])]))
    return counted if start.dtype == "int64" else add("Cast", counted, to=DTYPES[start.dtype])


def gather(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    if indices.constant is None and indices.dtype not in ("int32", "int64"):
        raise Refusal(f"indices of {indices.dtype}")
    array = indices.constant
    if array is not None and (array < 0).any():
        size = x.dim(axis)
        if size is None:
            raise Refusal("indices from the end of a size that is not known")
        assert isinstance(indices, Constant)
        indices = indices.stored(np.where(array < 0, array + size, array), "counted")
    along = axis % x.known_rank
    return add("Gather", x, indices, **({"axis": along} if along else {}))


def gather_nd(x: Value, indices: Value, *, batch_dims: int = 0) -> Expression:
    """At constant places in the first axes, as places in one axis."""
    places = indices.required("the indices")
    depth = places.shape[-1]
    lead, rest = (x.shape or ())[:depth], (x.shape or ())[depth:]
    if batch_dims or None in lead or len(lead) < depth or rest.count(None) > 1:
        raise Refusal("indices of axes whose sizes are not known, or of a batch")
    sizes = [int(size) for size in lead if size is not None]
    steps = [int(np.prod(sizes[axis + 1 :])) for axis in range(depth)]
    flat = (np.where(places < 0, places + sizes, places) * steps).sum(-1)
    assert isinstance(indices, Constant)
    shape = [int(np.prod(sizes)), *(-1 if size is None else size for size in rest)]
    line = first("Reshape", x, count=2, shape=shape)
    return add("Gather", line, indices.stored(flat, "flat"))


def expand(x: Value, target: Value, *, node: Node) -> Expression:
    """To sizes that are known, or those of another blob."""
    shape, wanted = node.outputs[0].shape, target.elements
    if shape is not None and None not in shape:
        return add("Expand", x, vector(list(shape)))
    if wanted is None:
        raise Refusal("its shape must be known, or be sizes")
    parts = [_size(size) for size in wanted]
    return add("Expand", x, first("Concat", *parts, count=2, axis=0))


def _size(size: Any) -> Expression:
    """A vector of one size, a number or `blob.shape[axis]`."""
    if isinstance(size, int):
        return vector([size])
    found = re.fullmatch(r"(\w+)\.shape\[(\d+)\]", str(size))
    if found is None:
        raise Refusal("a size that is computed")
    return add("Shape", Expression(found[1]), axes=[int(found[2])])


def tile(x: Value, repeats: Value) -> Expression:
    result: Expression = x
    for axis, count in enumerate(repeats.ints("repeats")):
        if count != 1:
            result = add("Tile", result, tiles=count, axis=axis)
    return result


def reduction(operator: str, *, before: str | None = None, after: str | None = None) -> Lowering:
    def lowering(
        x: Value, axes: Value | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Expression:
        rank = x.known_rank
        if 0 in (x.shape or ()):
            raise Refusal("a reduction of nothing")
        over = [] if axes is None else sorted(axis % rank for axis in axes.ints("axes"))
        value: Expression = x if before is None else add(before, x)
        if (over or not noop_with_empty_axes) and rank:
            value = add(operator, value, axes=over or list(range(rank)), keepdims=keepdims)
        return value if after is None else add(after, value)

    return lowering


def arg(operator: str) -> Lowering:
    def lowering(
        x: Value, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Expression:
        if select_last_index:
            raise Refusal("the last of equals")
        return add(operator, x, axis=axis % x.known_rank, keepdims=keepdims)

    return lowering


def softmax(x: Value, *, axis: int = -1) -> Expression:
    """Caffe2's is over all axes from one on, so the last is the only one by itself."""
    rank = x.known_rank
    along = axis % rank
    if along == rank - 1:
        return add("Softmax", x, axis=along)
    order = [i for i in range(rank) if i != along] + [along]
    back = [order.index(i) for i in range(rank)]
    moved = add("Transpose", x, axes=order)
    return add("Transpose", add("Softmax", moved, axis=rank - 1), axes=back)


def log_softmax(x: Value, *, axis: int = -1) -> Expression:
    """x less its largest, less the logarithm of the sum of exponentials."""
    along = [axis % x.known_rank]
    centred = add("Sub", x, add("ReduceMax", x, axes=along, keepdims=1))
    total = add("ReduceSum", add("Exp", centred), axes=along, keepdims=1)
    return add("Sub", centred, add("Log", total))


def matmul(a: Value, b: Value) -> Expression:
    ranks = a.known_rank, b.known_rank
    if ranks == (2, 2):
        return add("MatMul", a, b)
    if min(ranks) < 2:
        raise Refusal("a product with a vector")
    if len(set(ranks)) == 1 and a.shape is not None and b.shape is not None:
        if a.shape[:-2] != b.shape[:-2] and None not in (*a.shape[:-2], *b.shape[:-2]):
            raise Refusal("stacks of different sizes")
    elif ranks[1] != 2:
        raise Refusal("stacks of different sizes")
    return add("BatchMatMul", a, b, broadcast=1)


def gemm(
    a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Expression:  # fmt: skip
    """A layer where it is one, else a product."""
    vector = c is not None and c.constant is not None and c.shape == (b.dim(0 if transB else 1),)
    if vector and alpha == beta == 1 and not transA:
        return add("FC" if transB else "FCTransposed", a, b, c)
    options = {name: 1 for name, on in (("trans_a", transA), ("trans_b", transB)) if on}
    product = add("MatMul", a, b, **options)
    if alpha != 1:
        product = add("Scale", product, scale=alpha)
    if c is None:
        return product
    return add("Add", product, c if beta == 1 else add("Scale", c, scale=beta))


def layer_normalization(
    x: Value, scale: Value, bias: Value | None = None, *, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1, node: Node,
) -> Expression:  # fmt: skip
    if any(node.used[1:]):
        raise Refusal("its statistics are asked for")
    along = axis % x.known_rank
    known_sizes = x.shape[along:] if x.shape is not None else ()
    parts: list[Any] = [x]
    options: dict[str, Any] = {"axis": along, "epsilon": epsilon}
    if bias is not None and scale.shape == bias.shape == known_sizes and None not in known_sizes:
        parts += [scale, bias]
        options["elementwise_affine"] = 1
        return first("LayerNorm", *parts, count=3, **options)
    result = add("Mul", first("LayerNorm", x, count=3, **options), scale)
    return result if bias is None else add("Add", result, bias)


def top_k(x: Value, k: Value, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> Unpack:
    if not largest:
        raise Refusal("the smallest")
    count = int(k.required("k").reshape(-1)[0])
    return Unpack(add("TopK", x, count=2, k=count, axis=axis % x.known_rank), 2)
