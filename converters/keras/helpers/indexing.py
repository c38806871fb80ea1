"""Picking and placing by index."""

from keras import ops


def counted_from_start(indices, size):
    """Indices, of which negative ones count from the end of `size`."""
    return ops.where(ops.less(indices, 0), ops.add(indices, ops.cast(size, indices.dtype)), indices)


def gather_nd(x, indices, sizes, batches):
    """The parts of `x` at `indices` [batches…, …, depth], into the axes behind the batches.

    `batches` and `sizes` are the lengths of those axes: numbers, or scalars where they are dynamic.
    """
    indices = ops.cast(indices, "int64")
    place = ops.zeros_like(indices[..., 0])
    for axis, size in enumerate(batches):  # each entry's own batch
        ones = ops.ones_like(place)
        place = place * ops.cast(size, "int64") + ops.cumsum(ones, axis=axis) - 1
    for axis, size in enumerate(sizes):
        place = place * ops.cast(size, "int64") + counted_from_start(indices[..., axis], size)
    rest = [-1 if size is None else size for size in x.shape[len(batches) + len(sizes) :]]
    if -1 in rest:
        return ops.take(ops.reshape(x, [math.prod([*batches, *sizes]), *rest]), place, axis=0)
    return ops.take(ops.reshape(x, [-1, *rest]), place, axis=0)


def scatter(x, places, updates, reduction=None):
    """`updates` [n, …] put into `x` at `places` [n, depth], or added, multiplied, maximised, minimised."""
    if x.dtype == "bool":
        numbers = ops.cast(x, "int32"), places, ops.cast(updates, "int32")
        return ops.cast(ops.scatter_update(*numbers, reduction=reduction), "bool")
    return ops.scatter_update(x, places, updates, reduction=reduction)


def scatter_elements(x, indices, updates, axis, reduction=None):
    """ScatterElements: each of `updates` at its own place, but for `axis`, where `indices` say it."""
    indices = ops.cast(indices, "int64")
    ones, rank = ops.ones_like(indices), len(indices.shape)
    columns = [indices if a == axis else ops.cumsum(ones, axis=a) - 1 for a in range(rank)]
    places = ops.reshape(ops.stack(columns, axis=-1), [-1, rank])
    return scatter(x, places, ops.reshape(updates, [-1]), reduction)


def scatter_nd(x, indices, updates, sizes, reduction=None):
    """ScatterND; `sizes` are the lengths of the first axes of `x`."""
    depth, rest = len(sizes), list(x.shape[len(sizes) :])
    columns = [counted_from_start(indices[..., a], size) for a, size in enumerate(sizes)]
    places = ops.reshape(ops.stack(columns, axis=-1), [-1, depth])
    return scatter(x, places, ops.reshape(updates, [-1, *rest]), reduction)
