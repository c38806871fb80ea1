"""Sizes that are known only when the model runs, by way of tensors that have them."""

from keras import ops


def ones_along(x, axis, dtype):
    """Ones, as many as `x` is long on `axis`."""
    line = x[tuple(slice(None) if i == axis else 0 for i in range(len(x.shape)))]
    return ops.ones_like(line, dtype=dtype)


def positions_along(x, axis, dtype):
    """0, 1, 2, … as many as `x` is long on `axis`."""
    return ops.cumsum(ones_along(x, axis, dtype), axis=0) - 1


def stretched(x, rank, dtype, *lines):
    """`x` broadcast against vectors of ones: pairs of (axis among `rank`, vector)."""
    for axis, line in lines:
        shape = [-1 if i == axis else 1 for i in range(rank)]
        x = ops.multiply(x, ops.reshape(line, shape))
    return ops.cast(x, dtype)
