"""Rearrangements of channels-last data, and normalisation."""

from keras import layers, ops


def depth_to_space(x, block, depth_first):
    """[N, H, W, C · block²] → [N, H · block, W · block, C]; depth_first is ONNX's DCR."""
    height, width, channels = x.shape[1:]
    inner = channels // block**2
    parts = [block, block, inner] if depth_first else [inner, block, block]
    x = layers.Reshape((height, width, *parts))(x)
    x = ops.transpose(x, [0, 1, 3, 2, 4, 5] if depth_first else [0, 1, 4, 2, 5, 3])
    return layers.Reshape((height * block, width * block, inner))(x)


def space_to_depth(x, block):
    """[N, H · block, W · block, C] → [N, H, W, C · block²]."""
    height, width, channels = x.shape[1:]
    x = layers.Reshape((height // block, block, width // block, block, channels))(x)
    x = ops.transpose(x, [0, 1, 3, 2, 4, 5])
    return layers.Reshape((height // block, width // block, channels * block**2))(x)


def normalized(x, axes, epsilon):
    """Mean 0 and variance 1 over the axes."""
    centred = ops.subtract(x, ops.mean(x, axis=axes, keepdims=True))
    variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)
    return ops.divide(centred, ops.sqrt(ops.add(variance, epsilon)))


def joined_to_zeros(x, pads):
    """`x` with zeros around it."""
    for axis, (before, after) in enumerate(pads):
        if before or after:
            zeros = ops.zeros_like(ops.take(x, [0], axis=axis))
            parts = [(zeros, before), (x, 1), (zeros, after)]
            x = ops.concatenate([ops.repeat(p, n, axis) for p, n in parts if n], axis=axis)
    return x


def padded_with(x, pads, filler):
    """`x` with a filler around it that is data."""
    inside = ops.pad(ops.ones_like(x, dtype="bool"), pads)
    return ops.where(inside, ops.pad(x, pads), ops.reshape(filler, [1] * len(x.shape)))


def eye_like(x, k, dtype):
    """Ones on a diagonal, in the shape of `x` [rows, columns]."""
    ones = ops.ones_like(x, dtype="int32")
    rows, columns = ops.cumsum(ones, axis=0), ops.cumsum(ones, axis=1)
    return ops.cast(ops.equal(ops.add(rows, k), columns), dtype)


def padded_by(x, pads, axes, filler):
    """`x` with as much of a filler around it along the axes as the vector `pads` says."""
    for place, axis in enumerate(axes):
        size = ops.cast(size_of(x, axis), "int64")
        before, after = (ops.cast(pads[i], "int64") for i in (place, place + len(axes)))
        at = ops.subtract(positions(ones_for(size + before + after, "int64")), before)
        inside = ops.logical_and(ops.greater_equal(at, 0), ops.less(at, size))
        x = ops.take(x, ops.maximum(ops.minimum(at, size - 1), 0), axis=axis)
        line = [-1 if i == axis else 1 for i in range(len(x.shape))]
        kept = ops.reshape(inside, line)
        x = ops.where(kept, x, ops.cast(ops.reshape(filler, [1] * len(x.shape)), x.dtype))
    return x
