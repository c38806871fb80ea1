"""MaxPool, AveragePool and LpPool over whole arrays, one pass for each tap of the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx.reference.op_run import OpRun

from interop.parity.truth.operators.windows import Array, Geometry, geometry


def _flat_index(shape: Sequence[int], g: Geometry, offset: Sequence[int], column: bool) -> Array:
    """Index into the flattened channel of the element at `offset` of every window (out...)."""
    cells = [
        np.arange(o) * s + k * d - b
        for o, s, k, d, b in zip(g.out, g.strides, offset, g.dilations, g.begin, strict=True)
    ]
    sizes = list(shape)
    axes = range(len(sizes)) if column else reversed(range(len(sizes)))
    total, step = np.zeros(g.out, dtype=np.int64), 1
    for axis in axes:
        total += cells[axis].reshape([-1 if i == axis else 1 for i in range(len(sizes))]) * step
        step *= sizes[axis]
    return total


class MaxPool(OpRun):  # type: ignore[misc]
    """x (N, C, spatial...) -> (N, C, out...), and the flat indices of the maxima if asked for."""

    op_domain = ""

    def _run(
        self,
        x: Array,
        auto_pad: str | None = None,
        ceil_mode: int | None = 0,
        dilations: Sequence[int] | None = None,
        kernel_shape: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        storage_order: int | None = 0,
        strides: Sequence[int] | None = None,
    ) -> tuple[Array, ...]:
        assert kernel_shape is not None  # required by the schema
        g = geometry(
            x.shape[2:], kernel_shape,
            auto_pad=auto_pad, pads=pads, strides=strides, dilations=dilations, ceil_mode=ceil_mode,
        )  # fmt: skip
        lowest = -np.inf if np.issubdtype(x.dtype, np.floating) else np.iinfo(x.dtype).min
        padded = g.pad(x, lowest)
        best = np.full((*x.shape[:2], *g.out), lowest, dtype=x.dtype)
        if len(self.output) == 1:
            for offset in g.taps():
                np.maximum(best, g.tap(padded, offset), out=best)
            return (best,)
        where = np.full(best.shape, -1, dtype=np.int64)
        inside = g.pad(np.ones((1, 1, *x.shape[2:]), dtype=bool), False)
        for offset in g.taps():
            here = g.tap(padded, offset)
            better = g.tap(inside, offset) & ((here > best) | (where < 0))
            index = _flat_index(x.shape[2:], g, offset, column=storage_order == 1)
            best, where = np.where(better, here, best), np.where(better, index, where)
        planes = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *[1] * len(g.out))
        return best, where + planes * int(np.prod(x.shape[2:]))


class AveragePool(OpRun):  # type: ignore[misc]
    """x (N, C, spatial...) -> (N, C, out...)."""

    op_domain = ""

    def _run(
        self,
        x: Array,
        auto_pad: str | None = None,
        ceil_mode: int | None = 0,
        count_include_pad: int | None = 0,
        dilations: Sequence[int] | None = None,
        kernel_shape: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        strides: Sequence[int] | None = None,
    ) -> tuple[Array]:
        assert kernel_shape is not None
        g = geometry(
            x.shape[2:], kernel_shape,
            auto_pad=auto_pad, pads=pads, strides=strides, dilations=dilations, ceil_mode=ceil_mode,
        )  # fmt: skip
        padded = g.pad(x, 0)
        total = np.zeros((*x.shape[:2], *g.out), dtype=x.dtype)
        for offset in g.taps():
            total += g.tap(padded, offset)
        return (total / g.count(x.shape[2:], include_pad=bool(count_include_pad)),)


class LpPool(OpRun):  # type: ignore[misc]
    """x (N, C, spatial...) -> (N, C, out...): the p-norm of each window."""

    op_domain = ""

    def _run(
        self,
        x: Array,
        auto_pad: str | None = None,
        ceil_mode: int | None = 0,
        dilations: Sequence[int] | None = None,
        kernel_shape: Sequence[int] | None = None,
        p: int | None = 2,
        pads: Sequence[int] | None = None,
        strides: Sequence[int] | None = None,
    ) -> tuple[Array]:
        assert kernel_shape is not None
        p = p or 2
        g = geometry(
            x.shape[2:], kernel_shape,
            auto_pad=auto_pad, pads=pads, strides=strides, dilations=dilations, ceil_mode=ceil_mode,
        )  # fmt: skip
        powers = g.pad(np.abs(x) ** p, 0)
        total = np.zeros((*x.shape[:2], *g.out), dtype=x.dtype)
        for offset in g.taps():
            total += g.tap(powers, offset)
        return (total ** (1.0 / p),)


class GlobalMaxPool(OpRun):  # type: ignore[misc]
    """x (N, C, spatial...) -> (N, C, 1...). (ONNX's own is right for two spatial axes only.)"""

    op_domain = ""

    def _run(self, x: Array) -> tuple[Array]:
        return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


class GlobalLpPool(OpRun):  # type: ignore[misc]
    """x (N, C, spatial...) -> (N, C, 1...): the p-norm of each channel."""

    op_domain = ""

    def _run(self, x: Array, p: int | None = 2) -> tuple[Array]:
        p = p or 2
        total = (np.abs(x) ** p).sum(axis=tuple(range(2, x.ndim)), keepdims=True)
        return (total ** (1.0 / p),)
