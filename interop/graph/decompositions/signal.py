"""Fourier transforms as products with tables of cosines and sines."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, known, rank
from interop.source.values import Refusal


def dft(op: Builder, node: Operator) -> ir.Value:
    """x [..., n, ..., 1 or 2], the length of the transform, its axis."""
    x, length = node[0], node.get(1)
    axis_value = node.get(2)
    if axis_value is None:
        axis = node.attribute("axis", -2)
    else:
        found = known(axis_value)
        if found is None:
            raise Refusal("the axis must be constant")
        axis = int(found.item())
    axis %= rank(x)
    inverse, onesided = bool(node.attribute("inverse")), bool(node.attribute("onesided"))
    order = [*(i for i in range(rank(x) - 1) if i != axis), axis, rank(x) - 1]
    turned = x if order == list(range(rank(x))) else op.Transpose(x, perm=order)
    count = op.size(x, axis)
    if length is None:
        size = op.Mul(op.Sub(count, 1), 2) if inverse and onesided else count
    else:
        size = op.reshape(op.cast(length, np.int64), 1)
    result = transform(op, turned, count, size, _parts(x), inverse=inverse, onesided=onesided)
    back = [order.index(i) for i in range(rank(x))]
    return result if order == back == sorted(back) else op.Transpose(result, perm=back)  # type: ignore[no-any-return]


def _parts(x: ir.Value) -> int:
    last = None if x.shape is None else x.shape[-1]
    if not isinstance(last, int):
        raise Refusal("whether the signal is complex is not known")
    return last


def transform(
    op: Builder,
    x: ir.Value,
    count: ir.Value,
    size: ir.Value,
    parts: int,
    *,
    inverse: bool,
    onesided: bool,
) -> ir.Value:
    """x [..., count, parts] to [..., frequencies, 1 or 2]: cut or filled with zeros to `size`."""
    taken = op.Min(count, size)
    if inverse and onesided:
        taken = op.Min(taken, op.Add(op.Div(size, 2), 1))
    kept = op.Slice(x, [0], taken, [-2])
    made = op.Add(op.Div(size, 2), 1) if onesided and not inverse else size
    # k n modulo the size, so that the angle stays small and exact.
    turns = op.Mod(op.Mul(op.Unsqueeze(op.range(taken), [1]), op.range(made)), size)
    whole = op.cast(size, np.float64)
    angle = op.Div(op.Mul(op.cast(turns, np.float64), 2 * math.pi), whole)
    if not inverse:
        angle = op.Neg(angle)
    factor = None
    if inverse:
        factor = op.Div(np.ones(1), whole)
        if onesided:
            # The frequencies that are left out are the conjugates of those that are there.
            at = op.range(taken)
            alone = op.Or(op.Equal(at, 0), op.Equal(op.Mul(at, 2), size))
            factor = op.Mul(
                factor, op.Unsqueeze(op.Add(op.cast(op.Not(alone), np.float64), 1.0), [1])
            )
    cosine, sine = op.Cos(angle), op.Sin(angle)
    if factor is not None:
        cosine, sine = op.Mul(cosine, factor), op.Mul(sine, factor)
    cosine, sine = op.CastLike(cosine, x), op.CastLike(sine, x)
    real = op.Squeeze(op.Slice(kept, [0], [1], [-1]), [-1])
    if parts == 1:
        left, right = op.MatMul(real, cosine), op.MatMul(real, sine)
    else:
        other = op.Squeeze(op.Slice(kept, [1], [2], [-1]), [-1])
        left = op.Sub(op.MatMul(real, cosine), op.MatMul(other, sine))
        right = op.Add(op.MatMul(real, sine), op.MatMul(other, cosine))
    if inverse and onesided:
        return op.Unsqueeze(left, [-1])  # type: ignore[no-any-return]
    return op.Concat(op.Unsqueeze(left, [-1]), op.Unsqueeze(right, [-1]), axis=-1)  # type: ignore[no-any-return]


def stft(op: Builder, node: Operator) -> ir.Value:
    """signal [B, length] or [B, length, 1 or 2], step, window, frame: [B, frames, frequencies, 2]."""
    signal, window = node[0], node.get(2)
    step = op.reshape(op.cast(node[1], np.int64), 1)
    if node.get(3) is not None:
        frame = op.reshape(op.cast(node[3], np.int64), 1)
    elif window is not None:
        frame = op.size(window, 0)
    else:
        raise Refusal("neither a window nor the length of a frame")
    parts = 1
    if rank(signal) == 2:
        signal = op.Unsqueeze(signal, [2])
    else:
        parts = _parts(signal)
    frames = op.Add(op.Div(op.Sub(op.size(node[0], 1), frame), step), 1)
    start = op.Unsqueeze(op.Mul(op.range(frames), step), [1])
    cut = op.Gather(signal, op.Add(start, op.range(frame)), axis=1)  # [B, frames, frame, parts]
    if window is not None:
        cut = op.Mul(cut, op.Unsqueeze(window, [1]))
    onesided = bool(node.attribute("onesided", 1)) and parts == 1
    return transform(op, cut, frame, frame, parts, inverse=False, onesided=onesided)
