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
