"""Gathering and scattering by index."""

import jax.numpy as jnp


def places_along(indices, axis):
    """Indices for every axis, that along `axis` given."""
    grid = list(jnp.indices(indices.shape, sparse=True))
    grid[axis] = indices
    return tuple(grid)


def gather_elements(x, indices, axis):
    """ONNX's GatherElements, whose indices may cover a part of x only."""
    return x[places_along(indices, axis)]


def gather_nd(x, indices, batch_dims):
    """ONNX's GatherND."""
    rank = indices.ndim - 1
    grid = [
        jnp.arange(n).reshape([-1 if i == j else 1 for j in range(rank)])
        for i, n in enumerate(x.shape[:batch_dims])
    ]
    return x[(*grid, *(indices[..., i] for i in range(indices.shape[-1])))]


def scatter_elements(x, indices, updates, axis, update):
    """ONNX's ScatterElements; `update` is the method of `x.at[…]`."""
    return getattr(jnp.asarray(x).at[places_along(indices, axis)], update)(updates)


def scatter_nd(x, indices, updates, update):
    """ONNX's ScatterND; `update` is the method of `x.at[…]`."""
    index = tuple(indices[..., i] for i in range(indices.shape[-1]))
    return getattr(jnp.asarray(x).at[index], update)(updates)


def one_hot(indices, depth, values, axis):
    """ONNX's OneHot: `values` are off and on; an index out of range has no place."""
    indices = jnp.asarray(indices)
    whole = jnp.where(indices < 0, indices + depth, indices)
    axis = axis % (whole.ndim + 1)
    places = jnp.arange(depth).reshape([-1] + [1] * (whole.ndim - axis))
    return jnp.where(jnp.expand_dims(whole, axis) == places, values[1], values[0])


def reverse_sequence(x, lengths, batch_axis, time_axis):
    """The first entries of each row of the batch, in reverse."""
    moved = jnp.moveaxis(x, (batch_axis, time_axis), (0, 1))
    steps = jnp.arange(moved.shape[1])
    lengths = lengths[:, None]
    places = jnp.where(steps < lengths, lengths - 1 - steps, steps)
    rows = jnp.arange(moved.shape[0])[:, None]
    return jnp.moveaxis(moved[rows, places], (0, 1), (batch_axis, time_axis))


def col2im(x, image, block, strides, pads, dilations):
    """ONNX's Col2Im: blocks summed at their places, in any number of dimensions."""
    rank, place, count = len(image), 0, 1
    padded = [image[i] + pads[i] + pads[i + rank] for i in range(rank)]
    for i in range(rank):
        steps = (padded[i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1
        shape = [1] * (2 * rank)
        shape[i], shape[i + rank] = block[i], steps
        taps = jnp.arange(block[i])[:, None] * dilations[i]
        place = place * padded[i] + (taps + jnp.arange(steps) * strides[i]).reshape(shape)
        count = count * padded[i]
    taps = place.size // x.shape[2]
    channels = x.shape[1] // taps
    result = jnp.zeros((x.shape[0], channels, count), x.dtype)
    result = result.at[:, :, place.reshape(-1)].add(x.reshape(x.shape[0], channels, -1))
    cut = [slice(pads[i], pads[i] + image[i]) for i in range(rank)]
    return result.reshape(x.shape[0], channels, *padded)[(..., *cut)]
