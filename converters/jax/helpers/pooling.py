"""Pools over the last axes of [batch, channels, …]."""

import itertools
import math

import jax.numpy as jnp
import numpy as np
from jax import lax


def windows(x, kernel, strides, pads, dilations, ceil_mode):
    """What lax.reduce_window takes after its function: windows, strides, padding, and dilations.

    With `ceil_mode` a last window may reach beyond the padding, if it starts before it.
    """
    if ceil_mode:
        pads = [tuple(pair) for pair in pads]
        for i, (before, after) in enumerate(pads):
            size, reach = x.shape[i + 2], (kernel[i] - 1) * dilations[i] + 1
            count = -(-(size + before + after - reach) // strides[i]) + 1
            if (count - 1) * strides[i] >= size + before:
                count -= 1
            beyond = (count - 1) * strides[i] + reach - size - before
            pads[i] = (before, max(after, beyond))
    if not isinstance(pads, str):
        pads = [(0, 0), (0, 0), *pads]
    return (1, 1, *kernel), (1, 1, *strides), pads, None, (1, 1, *dilations)


def lowest(dtype):
    """What any number of that dtype is at least, known to lax before any trace."""
    floating = jnp.issubdtype(dtype, jnp.floating)
    return np.array(-np.inf if floating else jnp.iinfo(dtype).min, dtype)


def max_pool(x, kernel, strides, pads, dilations, ceil_mode):
    """ONNX's MaxPool."""
    window = windows(x, kernel, strides, pads, dilations, ceil_mode)
    return lax.reduce_window(x, lowest(x.dtype), lax.max, *window)


def average_pool(x, kernel, strides, pads, dilations, ceil_mode, count_include_pad):
    """ONNX's AveragePool: padding counts if asked, what lies beyond it never does."""
    window = windows(x, kernel, strides, pads, dilations, ceil_mode)
    total = lax.reduce_window(x, np.array(0, x.dtype), lax.add, *window)
    if not isinstance(pads, str) and not ceil_mode:
        plain = count_include_pad or not any(a for pair in pads for a in pair)
        if plain:
            return total / math.prod(kernel)
    ones = jnp.ones((1, 1, *x.shape[2:]), x.dtype)
    if count_include_pad and not isinstance(pads, str):
        ones = jnp.pad(ones, [(0, 0), (0, 0), *pads], constant_values=1)
        beyond = [(w[0] - p[0], w[1] - p[1]) for w, p in zip(window[2][2:], pads)]
        window = (*window[:2], [(0, 0), (0, 0), *beyond], *window[3:])
    elif count_include_pad:
        around = lax.padtype_to_pads(x.shape[2:], kernel, strides, pads)
        ones = jnp.pad(ones, [(0, 0), (0, 0), *around], constant_values=1)
        window = (*window[:2], [(0, 0)] * x.ndim, *window[3:])
    return total / lax.reduce_window(ones, np.array(0, x.dtype), lax.add, *window)


def lp_pool(x, kernel, strides, pads, dilations, ceil_mode, p):
    """ONNX's LpPool."""
    window = windows(x, kernel, strides, pads, dilations, ceil_mode)
    powers = jnp.power(jnp.abs(x), p)
    return jnp.power(
        lax.reduce_window(powers, np.array(0, x.dtype), lax.add, *window), 1 / p
    ).astype(x.dtype)


def max_pool_with_places(x, kernel, strides, pads, dilations, ceil_mode, column_major):
    """ONNX's MaxPool with the places of the maxima, counted over the whole tensor."""
    spatial = x.shape[2:]
    steps, step = [], 1
    for size in spatial if column_major else reversed(spatial):
        steps.append(step)
        step = step * size
    steps = steps if column_major else steps[::-1]
    place = jnp.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *[1] * len(spatial)) * step
    for i, size in enumerate(spatial):
        along = [-1 if j == i else 1 for j in range(len(spatial))]
        place = place + (jnp.arange(size) * steps[i]).reshape(along)
    _, _, around, _, _ = windows(x, kernel, strides, pads, dilations, ceil_mode)
    if isinstance(around, str):
        around = [(0, 0), (0, 0), *lax.padtype_to_pads(spatial, kernel, strides, around)]
    padded = jnp.pad(x, around, constant_values=lowest(x.dtype))
    places = jnp.pad(place.astype(jnp.int64), around)
    counts = [
        (padded.shape[i + 2] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1
        for i in range(len(kernel))
    ]
    views = []
    for offset in itertools.product(*map(range, kernel)):
        starts = [o * d for o, d in zip(offset, dilations)]
        cut = [slice(s, s + (n - 1) * t + 1, t) for s, n, t in zip(starts, counts, strides)]
        views.append((padded[(..., *cut)], places[(..., *cut)]))
    values, found = (jnp.stack(parts, -1) for parts in zip(*views))
    which = jnp.argmax(values, -1)[..., None]
    return values.max(-1), jnp.take_along_axis(found, which, -1)[..., 0]
