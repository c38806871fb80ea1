"""Transposed convolution."""

import jax.numpy as jnp
from jax import lax


def conv_transpose(x, w, strides, cuts, extra, dilations, groups):
    """ONNX's ConvTranspose of w [in, out / groups, …]; `cuts` and `extra`: less and more at the ends.

    A convolution over x spread by the strides, with the kernel turned round.
    """
    rank = w.ndim - 2
    w = jnp.flip(w, tuple(range(2, w.ndim))).reshape(groups, -1, *w.shape[1:])
    w = w.swapaxes(1, 2).reshape(-1, w.shape[1], *w.shape[3:])
    around = []
    for i in range(rank):
        reach = (w.shape[i + 2] - 1) * dilations[i]
        around.append((reach - cuts[i][0], reach - cuts[i][1] + extra[i]))
    return lax.conv_general_dilated(
        x, w, [1] * rank, around, lhs_dilation=strides, rhs_dilation=dilations,
        feature_group_count=groups,
    )  # fmt: skip
