"""Layers with given weights."""

from keras import layers, ops


def holding(layer, weights, *inputs, **options):
    """What `layer` makes of its inputs, after it was given `weights` in its own order."""
    result = layer(*inputs, **options)
    layer.set_weights(weights)
    return result


def constant(array, start, name):
    """`array` (float) as a tensor of the model, kept as the weight of a layer and not in its config.

    No stock layer hands out its weight alone; an Embedding of one row, looked up at `start` = [0], does.
    """
    table = layers.Embedding(1, array.size, dtype=array.dtype.name, name=name)
    return ops.reshape(holding(table, [array.reshape(1, -1)], start), array.shape)


def start_of(x):
    """The index 0 as int32[1], computed from an input, as all of a functional model is."""
    first = x[(slice(0, 1), *[0] * (len(x.shape) - 1))] if x.shape else ops.reshape(x, (1,))
    return ops.zeros_like(first, dtype="int32")


def computed(x, start):
    """What is known beforehand as a result of the model: `start` (0) is added to it."""
    if isinstance(x, keras.KerasTensor):
        return x
    nothing = ops.reshape(start, [])
    if np.asarray(x).dtype == bool:
        return ops.logical_or(x, ops.cast(nothing, "bool"))
    return added(x, ops.cast(nothing, np.asarray(x).dtype.name))
