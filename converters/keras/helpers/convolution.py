"""Convolutions whose weights are data."""

from keras import ops


def grouped_conv(x, kernels, groups, **options):
    """A convolution of each group of channels, on the last axis, on its own."""
    inner, outer = x.shape[-1] // groups, kernels.shape[-1] // groups
    parts = [
        ops.conv(
            x[..., i * inner : (i + 1) * inner],
            kernels[..., i * outer : (i + 1) * outer],
            **options,
        )
        for i in range(groups)
    ]
    return ops.concatenate(parts, axis=-1)
