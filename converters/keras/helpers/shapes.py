"""Sizes that are known only when the model runs, by way of tensors that have them."""

from keras import ops


def ones_along(x, axis, dtype):
    """Ones, as many as `x` is long on `axis`."""
    line = x[(*[slice(None) if i == axis else 0 for i in range(len(x.shape))], ...)]
    return ops.ones_like(line, dtype=dtype)


def size_of(x, axis):
    """How long `x` is on `axis`, as an int32 scalar."""
    return ops.size(x[(*[slice(None) if i == axis else 0 for i in range(len(x.shape))], ...)])


def vector(sizes, dtype):
    """Sizes, of which some are plain numbers, as one vector."""
    return ops.stack([ops.cast(ops.convert_to_tensor(size), dtype) for size in sizes])


def ones_for(count, dtype):
    """Ones, as many as the scalar `count` says: what a count of it in bins is as long as."""
    bins = ops.bincount(ops.reshape(ops.cast(count, "int32"), [1]))
    return ops.ones_like(bins[(slice(1, None), ...)], dtype=dtype)


def positions(ones):
    """0, 1, 2, … as many as there are ones."""
    return ops.subtract(ops.cumsum(ones, axis=0), 1)


def arranged(start, limit, delta, dtype):
    """From `start` in steps of `delta` up to `limit`, all of them scalars."""
    start, limit, delta = (ops.reshape(x, []) for x in (start, limit, delta))
    span = ops.divide(ops.cast(ops.subtract(limit, start), "float64"), ops.cast(delta, "float64"))
    count = ops.maximum(ops.ceil(span), 0)
    return ops.add(start, ops.multiply(positions(ones_for(count, dtype)), delta))


def places(start, stop, step, size):
    """Where a slice of an axis of `size` picks, any of which may be a scalar tensor; by ONNX's rules."""
    lowest, highest = (0, size) if step > 0 else (-1, size - 1)

    def limited(place, low):
        place = ops.cast(place, "int64")
        place = ops.where(ops.less(place, 0), ops.add(place, ops.cast(size, "int64")), place)
        return ops.minimum(ops.maximum(place, low), ops.cast(highest, "int64"))

    first, last = limited(start, max(lowest, 0)), limited(stop, lowest)
    count = ops.maximum(
        ops.floor_divide(ops.subtract(last, first) + step - (1 if step > 0 else -1), step), 0
    )
    return ops.add(ops.multiply(positions(ones_for(count, "int64")), step), first)


def or_else(size, other):
    """A size that is data, where 0 stands for another."""
    return ops.where(ops.equal(size, 0), ops.cast(other, size.dtype), size)


def reshaped(x, sizes):
    """`x` in a shape of which more than one size is known only when the model runs: picked one by one."""
    flat, place, known = ops.reshape(x, [-1]), ops.zeros((), "int64"), 1
    sizes = [size if isinstance(size, int) else ops.cast(size, "int64") for size in sizes]
    for size in sizes:
        if isinstance(size, int):
            known = known if size == -1 else known * size
        else:
            known = known * ops.where(ops.equal(size, -1), 1, size)
    rest = ops.floor_divide(ops.cast(ops.size(flat), "int64"), ops.maximum(known, 1))
    for size in sizes:
        if isinstance(size, int) and size != -1:
            places = np.arange(size)
        else:
            size = rest if isinstance(size, int) else ops.where(ops.equal(size, -1), rest, size)
            places = positions(ones_for(size, "int64"))
        place = added(ops.expand_dims(ops.multiply(place, size), -1), places)
    return ops.take(flat, place, axis=0)


def stretched(x, rank, dtype, *lines):
    """`x` broadcast against vectors of ones: pairs of (axis among `rank`, vector)."""
    for axis, line in lines:
        shape = [-1 if i == axis else 1 for i in range(rank)]
        x = ops.multiply(x, ops.reshape(line, shape))
    return ops.cast(x, dtype)
