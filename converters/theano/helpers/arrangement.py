"""Padding, and blocks moved between channels and space."""

import theano.tensor as T


def pad(x, table, value):
    """x with `value` around it; table: entries before and after, an axis; negative ones cut off."""
    less = [tuple(min(n, 0) if isinstance(n, int) else 0 for n in pair) for pair in table]
    x = T.as_tensor_variable(x)[tuple(slice(-a, b or None) for a, b in less)]
    table = [(a - c, b - d) for (a, b), (c, d) in zip(table, less)]
    shape = [x.shape[i] + a + b for i, (a, b) in enumerate(table)]
    inside = [slice(a, a + x.shape[i]) for i, (a, b) in enumerate(table)]
    return T.set_subtensor(T.alloc(T.cast(value, x.dtype), *shape)[tuple(inside)], x)


def pad_by_index(x, table, mode):
    """x continued around itself: "edge", "reflect" or "wrap"."""
    for axis, (before, after) in enumerate(table):
        size = x.shape[axis]
        places = T.arange(-before, size + after)
        if mode == "edge":
            places = T.clip(places, 0, size - 1)
        elif mode == "reflect":
            period = T.maximum(2 * (size - 1), 1)
            places = places % period
            places = T.minimum(places, period - places)
        else:
            places = places % size
        x = T.take(x, places, axis=axis)
    return x


def depth_to_space(x, block, depth_first):
    """[batch, channels, height, width] with channels spread over blocks."""
    n, c, h, w = [x.shape[i] for i in range(4)]
    inner = c // (block * block)
    if depth_first:
        parts = T.transpose(
            T.reshape(x, [n, block, block, inner, h, w], ndim=6), [0, 3, 4, 1, 5, 2]
        )
    else:
        parts = T.transpose(
            T.reshape(x, [n, inner, block, block, h, w], ndim=6), [0, 1, 4, 2, 5, 3]
        )
    return T.reshape(parts, [n, inner, h * block, w * block], ndim=4)


def space_to_depth(x, block):
    """[batch, channels, height, width] with blocks gathered into channels."""
    n, c, h, w = [x.shape[i] for i in range(4)]
    cut = T.reshape(x, [n, c, h // block, block, w // block, block], ndim=6)
    parts = T.transpose(cut, [0, 3, 5, 1, 2, 4])
    return T.reshape(parts, [n, c * block * block, h // block, w // block], ndim=4)
