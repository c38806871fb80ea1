"""Picking by index."""

from keras import ops


def gather_nd(x, indices, sizes, steps):
    """The parts of `x` at `indices` [..., depth], into its first axes, which have those sizes."""
    place = 0
    for axis, (size, step) in enumerate(zip(sizes, steps)):
        index = indices[..., axis]
        place = place + ops.where(index < 0, index + size, index) * step
    return ops.take(ops.reshape(x, [-1, *x.shape[len(sizes) :]]), place, axis=0)
