"""AffineGrid and GridSample in double (the ONNX reference computes coordinates in float32)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from onnx.reference.op_run import OpRun

from interop.parity.truth.operators.windows import Array


class AffineGrid(OpRun):  # type: ignore[misc]
    """theta (N, d, d + 1), size (N, C, spatial...) -> grid (N, spatial..., d), x first."""

    op_domain = ""

    def _run(self, theta: Array, size: Array, align_corners: int | None = 0) -> tuple[Array]:
        spatial = [int(n) for n in size[2:]]
        axes = []
        for n in spatial:
            if align_corners:
                axes.append(np.linspace(-1.0, 1.0, n))
            else:
                axes.append((2 * np.arange(n) + 1) / n - 1)
        planes = np.meshgrid(*axes, indexing="ij")[::-1]
        points = np.stack([*planes, np.ones(spatial)], axis=-1)
        grid = points.reshape(1, -1, len(spatial) + 1) @ theta.swapaxes(1, 2)
        return (grid.reshape(theta.shape[0], *spatial, len(spatial)),)


def _cubic(t: Array) -> list[Array]:
    """Keys' cubic convolution weights (a = -0.75) of the four neighbours at distance t."""
    a = -0.75
    outer = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (t + 1, 2 - t)]
    inner = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (t, 1 - t)]
    return [outer[0], inner[0], inner[1], outer[1]]


def _neighbours(x: Array, mode: str) -> list[tuple[Array, Array]]:
    """(index, weight) of the elements that one coordinate draws on, along one axis."""
    if mode == "nearest":
        index = np.rint(x)
        return [(index, np.ones_like(x))]
    low = np.floor(x)
    t = x - low
    if mode in ("linear", "bilinear"):
        return [(low, 1 - t), (low + 1, t)]
    return [(low + shift, weight) for shift, weight in zip((-1, 0, 1, 2), _cubic(t), strict=True)]


def _reflect(index: Array, size: int, align_corners: bool) -> Array:
    """Mirror at the borders until inside: the borders are the outer centres, or half beyond."""
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    span = high - low
    if span == 0:
        return np.zeros_like(index)
    folded = np.mod(index - low, 2 * span)
    return np.where(folded > span, 2 * span - folded, folded) + low


def _inside(
    index: Array, size: int, padding: str, align_corners: bool
) -> tuple[Array, Array | None]:
    """Index made valid, and where it counts (None: everywhere)."""
    valid = None
    if padding == "zeros":
        valid = (index >= 0) & (index < size)
    elif padding == "reflection":
        index = np.trunc(_reflect(index, size, align_corners))
    return np.clip(index, 0, size - 1).astype(np.intp), valid


class GridSample(OpRun):  # type: ignore[misc]
    """X (N, C, spatial...), grid (N, out..., d) with x first -> (N, C, out...)."""

    op_domain = ""

    def _run(
        self,
        X: Array,
        grid: Array,
        mode: str | None = "linear",
        padding_mode: str | None = "zeros",
        align_corners: int | None = 0,
    ) -> tuple[Array]:
        out: Sequence[int] = grid.shape[1:-1]
        sizes = X.shape[2:]
        per_axis = []
        for axis, size in enumerate(sizes):
            n = grid[..., len(sizes) - 1 - axis].reshape(X.shape[0], -1)
            x = (n + 1) / 2 * (size - 1) if align_corners else ((n + 1) * size - 1) / 2
            if (mode or "linear") == "nearest" and padding_mode == "border":
                x = np.clip(x, 0, size - 1)
            per_axis.append([
                (*_inside(index, size, padding_mode or "zeros", bool(align_corners)), weight)
                for index, weight in _neighbours(x, mode or "linear")
            ])  # fmt: skip
        total = np.zeros((X.shape[0], X.shape[1], int(np.prod(out))), dtype=X.dtype)
        flat = X.reshape(X.shape[0], X.shape[1], -1)
        for choice in itertools.product(*per_axis):
            position, weight = np.zeros(1, dtype=np.intp), np.ones(1, dtype=X.dtype)
            for size, (index, valid, factor) in zip(sizes, choice, strict=True):
                position = position * size + index
                weight = weight * (factor if valid is None else factor * valid)
            values = np.take_along_axis(flat, position[:, None, :], axis=2)
            total += values * weight[:, None, :]
        return (total.reshape(X.shape[0], X.shape[1], *out),)
