"""Normalisations that the ONNX reference lacks, or has wrong for some shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

from interop.parity.truth.operators.windows import Array


class BatchNormalization(OpRun):  # type: ignore[misc]
    """x (N, C, ...) by given statistics. (Below opset 14, ONNX's reference takes them from the
    batch where `momentum` is given; training is refused before it gets here.)"""

    op_domain = ""

    def _run(
        self,
        x: Array,
        scale: Array,
        bias: Array,
        mean: Array,
        var: Array,
        epsilon: float = 1e-5,
        **_: Any,
    ) -> tuple[Array]:
        factor = scale / np.sqrt(var + epsilon)
        ones = [1] * (x.ndim - 2)
        return (
            (x - mean.reshape(-1, *ones)) * factor.reshape(-1, *ones) + bias.reshape(-1, *ones),
        )


class LRN(OpRun):  # type: ignore[misc]
    """Local response normalisation over channels, x (N, C, ...)."""

    op_domain = ""

    def _run(
        self,
        x: Array,
        alpha: float = 1e-4,
        beta: float = 0.75,
        bias: float = 1.0,
        size: int | None = None,
    ) -> tuple[Array]:
        assert size is not None  # required by the schema
        before, after = (size - 1) // 2, size // 2
        squares = x * x
        total = np.zeros_like(x)
        for shift in range(-before, after + 1):  # channel c gathers from channel c + shift
            low, high = max(0, -shift), min(x.shape[1], x.shape[1] - shift)
            if low < high:
                total[:, low:high] += squares[:, low + shift : high + shift]
        return (x / (bias + alpha / size * total) ** beta,)


class GroupNormalization(OpRun):  # type: ignore[misc]
    """x (N, C, ...), scale and bias of C (opset 21; 18 had one a group)."""

    op_domain = ""

    def _run(
        self,
        x: Array,
        scale: Array,
        bias: Array,
        epsilon: float = 1e-5,
        num_groups: int | None = None,
        stash_type: int | None = None,
    ) -> tuple[Array]:
        assert num_groups is not None
        grouped = x.reshape(x.shape[0], num_groups, -1)
        mean = grouped.mean(axis=2, keepdims=True)
        centred = grouped - mean
        y = centred / np.sqrt((centred * centred).mean(axis=2, keepdims=True) + epsilon)
        if scale.size != x.shape[1]:
            scale, bias = (np.repeat(v, x.shape[1] // num_groups) for v in (scale, bias))
        ones = [1] * (x.ndim - 2)
        return (y.reshape(x.shape) * scale.reshape(-1, *ones) + bias.reshape(-1, *ones),)


class MeanVarianceNormalization(OpRun):  # type: ignore[misc]
    op_domain = ""

    def _run(self, x: Array, axes: Sequence[int] = (0, 2, 3)) -> tuple[Array]:
        axis = tuple(axes)
        mean = x.mean(axis=axis, keepdims=True)
        centred = x - mean
        # the standard's body adds 1e-9 to the deviation, not to the variance
        return (centred / (np.sqrt((centred * centred).mean(axis=axis, keepdims=True)) + 1e-9),)
