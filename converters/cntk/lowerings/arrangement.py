"""Shapes, parts, products and reductions of one sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.cntk.lowerings.common import (
    C,
    Lowering,
    axis,
    kept,
    operand,
    sample,
    sample_of,
)

from interop.source.expression import Expression
from interop.source.printer import Node
from interop.source.values import Refusal, Value


def reshaped(x: Value, *rest: Value, node: Node, **attributes: Any) -> Expression:
    """Reshape, Flatten, Squeeze and Unsqueeze: what they make of the sample is known by its shape."""
    result = node.outputs[0]
    before, after = sample_of(x), sample(result.shape, result.name)
    if int(np.prod(before)) != int(np.prod(after)):
        raise Refusal("it makes another batch")
    return C.reshape(x, tuple(after))


def transpose(x: Value, *, perm: list[int] | None = None) -> Expression:
    order = perm or list(range(x.known_rank))[::-1]
    if order[0] != 0:
        raise Refusal("it moves the batch")
    return C.transpose(x, tuple(index - 1 for index in order[1:]))


def concat(*parts: Value, axis: int) -> Expression:
    rank = max(part.known_rank for part in parts)
    given = [operand(part, rank) for part in parts]
    return C.splice(*given, axis=_axis(axis, rank))


_axis = axis  # which `concat` has as an attribute


def slice_(
    x: Value, starts: Value, ends: Value, axes: Value | None = None, steps: Value | None = None
) -> Expression:
    first, last = starts.ints("where it starts"), ends.ints("where it ends")
    along = list(range(len(first))) if axes is None else axes.ints("axes")
    stride = [1] * len(first) if steps is None else steps.ints("steps")
    if any(step < 1 for step in stride):
        raise Refusal("a step back")
    where, begin, end = [], [], []
    for index, one in enumerate(along):
        which = axis(one, x.known_rank)
        size = sample_of(x)[which]
        start, stop, _ = slice(first[index], last[index]).indices(size)
        if start >= stop:
            raise Refusal("an empty slice")
        where.append(which)
        begin.append(start)
        end.append(stop)
    options = {} if all(step == 1 for step in stride) else {"strides": stride}
    return C.slice(x, where, begin, end, **options)


def split(
    x: Value,
    sizes: Value | None = None,
    *,
    axis: int = 0,
    num_outputs: int | None = None,
    node: Node,
) -> tuple[Expression, ...]:
    which = _axis(axis, x.known_rank)
    ends = np.cumsum([(output.shape or ())[axis] for output in node.outputs])
    starts = [0, *ends[:-1]]
    return tuple(
        C.slice(x, which, int(start), int(end)) for start, end in zip(starts, ends, strict=True)
    )


def matmul(a: Value, b: Value) -> Expression:
    """By a matrix of weights: the last axis of the sample with the first of the matrix."""
    matrix = b.required("the second factor")
    if matrix.ndim != 2 or len(sample_of(a)) < 1:
        raise Refusal("no product of a sample with a matrix")
    return C.times(a, kept(b))


def gemm(
    a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Expression:  # fmt: skip
    matrix = b.required("the second factor")
    if transA or alpha != 1 or (c is not None and beta != 1):
        raise Refusal("a Gemm with transA, alpha or beta")
    result = C.times(a, kept(b, np.ascontiguousarray(matrix.T)) if transB else kept(b))
    return result if c is None else result + operand(c, 2)


def softmax(function: Any) -> Lowering:
    def lowering(x: Value, *, axis: int = -1) -> Expression:
        return function(x, axis=_axis(axis, x.known_rank))  # type: ignore[no-any-return]

    return lowering


def reduction(function: Any, before: Any = None, after: Any = None) -> Lowering:
    """CNTK keeps what it reduces, with one entry."""

    def lowering(
        x: Value, axes: Value | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0,
        node: Node,
    ) -> Expression:  # fmt: skip
        if axes is None:
            raise Refusal("it reduces the batch")
        along = [axis(one, x.known_rank) for one in axes.ints("axes")]
        source = x if before is None else before(x)
        result: Expression = function(source, axis=along)
        if after is not None:
            result = after(result)
        if keepdims:
            return result
        return C.reshape(result, tuple(sample(node.outputs[0].shape, node.outputs[0].name)))

    return lowering
