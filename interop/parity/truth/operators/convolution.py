"""Conv and ConvTranspose as matrix products (the ONNX reference loops in Python)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

from interop.parity.truth.operators.windows import Array, Geometry, geometry

_CACHED = 1 << 15  # elements: what stays in the cache


def _depthwise(padded: Array, W: Array, g: Geometry) -> Array:
    """One filter a channel: a sum over taps beats a thousand tiny matrix products. A few channels
    at a time, so that they stay in the cache."""
    y = np.zeros((*padded.shape[:2], *g.out), dtype=padded.dtype)
    step = max(1, _CACHED // math.prod(g.out))
    for start in range(0, W.shape[0], step):
        some = slice(start, start + step)
        filters = W[some].reshape(-1, *g.kernel, *[1] * len(g.out))
        for n in range(padded.shape[0]):
            image, sums = padded[n : n + 1, some], y[n : n + 1, some]
            for offset in g.taps():
                where: tuple[Any, ...] = (slice(None), *offset)
                sums += g.tap(image, offset) * filters[where]
    return y


def _columns(image: Array, g: Geometry, group: int) -> Array:
    """One padded image (1, C, spatial...) as (group, C/group * taps, positions)."""
    channels = image.shape[1]
    taps = list(g.taps())
    if len(taps) == 1:  # a view, where every position is taken
        return g.tap(image, taps[0]).reshape(group, channels // group, -1)
    columns = np.empty((channels, len(taps), int(np.prod(g.out))), dtype=image.dtype)
    for index, offset in enumerate(taps):
        columns[:, index] = g.tap(image, offset).reshape(channels, -1)
    return columns.reshape(group, channels // group * len(taps), -1)


class Conv(OpRun):  # type: ignore[misc]
    """X (N, C, spatial...), W (M, C/group, kernel...), B (M) -> (N, M, out...)."""

    op_domain = ""

    def _run(
        self,
        X: Array,
        W: Array,
        B: Array | None = None,
        auto_pad: str | None = None,
        dilations: Sequence[int] | None = None,
        group: int | None = 1,
        kernel_shape: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        strides: Sequence[int] | None = None,
    ) -> tuple[Array]:
        group = group or 1
        g = geometry(
            X.shape[2:], W.shape[2:],
            auto_pad=auto_pad, pads=pads, strides=strides, dilations=dilations,
        )  # fmt: skip
        padded = g.pad(X, 0)
        if group > 1 and W.shape[0] == group == X.shape[1]:
            y = _depthwise(padded, W, g)
        else:
            filters = W.reshape(group, W.shape[0] // group, -1)
            y = np.empty((X.shape[0], W.shape[0], *g.out), dtype=X.dtype)
            for n in range(X.shape[0]):  # image by image: the columns are large
                columns = _columns(padded[n : n + 1], g, group)
                np.matmul(filters, columns, out=y[n].reshape(group, -1, columns.shape[-1]))
        if B is not None:
            y += B.reshape(-1, *[1] * len(g.out))
        return (y,)


def _transposed_pads(
    natural: Sequence[int],
    auto_pad: str,
    pads: Sequence[int] | None,
    output_shape: Sequence[int] | None,
) -> list[tuple[int, int]]:
    """(begin, end) crops a spatial axis; `natural` is the size before cropping."""
    rank = len(natural)
    if output_shape is None:
        pads = list(pads or [0] * 2 * rank)
        return [(pads[i], pads[i + rank]) for i in range(rank)]
    crops = []
    for full, wanted in zip(natural, output_shape, strict=True):
        total = full - wanted
        half = total // 2
        crops.append((half, total - half) if auto_pad == "SAME_UPPER" else (total - half, half))
    return crops


class ConvTranspose(OpRun):  # type: ignore[misc]
    """X (N, C, spatial...), W (C, M/group, kernel...), B (M) -> (N, M, out...)."""

    op_domain = ""

    def _run(
        self,
        X: Array,
        W: Array,
        B: Array | None = None,
        auto_pad: str | None = None,
        dilations: Sequence[int] | None = None,
        group: int | None = 1,
        kernel_shape: Sequence[int] | None = None,
        output_padding: Sequence[int] | None = None,
        output_shape: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        strides: Sequence[int] | None = None,
    ) -> tuple[Array]:
        group = group or 1
        size, kernel = X.shape[2:], W.shape[2:]
        rank = len(size)
        strides = list(strides or [1] * rank)
        dilations = list(dilations or [1] * rank)
        extra = list(output_padding or [0] * rank)
        auto_pad = auto_pad or "NOTSET"
        if auto_pad in ("SAME_UPPER", "SAME_LOWER") and output_shape is None:
            output_shape = [n * s for n, s in zip(size, strides, strict=True)]
        natural = [
            (n - 1) * s + (k - 1) * d + 1 + e
            for n, s, k, d, e in zip(size, strides, kernel, dilations, extra, strict=True)
        ]
        y = self._scatter(X, W, group, natural, Geometry(
            tuple(kernel), tuple(strides), tuple(dilations),
            (0,) * rank, (0,) * rank, tuple(size), (0,) * rank,
        ))  # fmt: skip
        crops = _transposed_pads(natural, auto_pad, pads, output_shape)
        grow = [(max(0, -b), max(0, -e)) for b, e in crops]
        y = np.pad(y, [(0, 0), (0, 0), *grow])
        where = [
            slice(max(0, b), n - max(0, e)) for (b, e), n in zip(crops, y.shape[2:], strict=True)
        ]
        y = y[(slice(None), slice(None), *where)]
        return (y if B is None else y + B.reshape(-1, *[1] * rank),)

    @staticmethod
    def _scatter(X: Array, W: Array, group: int, natural: Sequence[int], g: Geometry) -> Array:
        """Every input element times the kernel, added where it lands: (N, M, natural...)."""
        per_group = W.shape[1]
        y = np.zeros((X.shape[0], group * per_group, *natural), dtype=X.dtype)
        inputs = X.reshape(X.shape[0], group, X.shape[1] // group, -1)
        for offset in g.taps():
            where: tuple[Any, ...] = (slice(None), slice(None), *offset)
            weight = W[where].reshape(group, -1, per_group).swapaxes(1, 2)
            product: Array = weight @ inputs
            target = g.tap(y, offset)
            target += product.reshape(target.shape)
        return y
