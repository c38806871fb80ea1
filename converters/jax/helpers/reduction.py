"""Reductions and sorting, with what JAX's own lack."""

import jax
import jax.numpy as jnp
from jax import lax


def reduce_over(function, x, axes, keepdims, noop, **options):
    """Reduce over axes known only at run time; over none of them means over all, or no-op."""
    over = tuple(axes.tolist())
    if not over and noop:
        return x
    return function(x, axis=over or None, keepdims=keepdims, **options)


def lower_end(dtype):
    """The lowest value of a dtype."""
    if dtype == jnp.bool_:
        return False
    return -jnp.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min


def upper_end(dtype):
    """The highest value of a dtype."""
    if dtype == jnp.bool_:
        return True
    return jnp.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).max


def l2_norm(x, axis, keepdims=False):
    """The square root of the sum of squares."""
    return jnp.sqrt(jnp.sum(jnp.square(x), axis=axis, keepdims=keepdims))


def cumulate(function, x, axis, exclusive, reverse, start):
    """A running sum or product, from either end, with or without the entry itself."""
    x = jnp.flip(x, axis) if reverse else x
    if exclusive:
        first = jnp.full_like(lax.slice_in_dim(x, 0, 1, axis=axis), start)
        x = jnp.concatenate([first, lax.slice_in_dim(x, 0, -1, axis=axis)], axis)
    result = function(x, axis=axis, dtype=x.dtype)
    return jnp.flip(result, axis) if reverse else result


def top_k(x, k, axis, largest):
    """The k largest (or smallest) along an axis, and where they stand; the first of equals first."""
    order = jnp.argsort(x, axis=axis, descending=largest, stable=True)
    places = lax.slice_in_dim(order, 0, k, axis=axis)
    return jnp.take_along_axis(x, places, axis=axis), places.astype(jnp.int64)


def lp_normalize(x, axis, p):
    """x over its p-norm along an axis; zero where that is zero."""
    norm = jnp.sum(jnp.abs(x) ** p, axis=axis, keepdims=True) ** (1 / p)
    return jnp.where(norm == 0, 0, x / jnp.where(norm == 0, 1, norm))


def unique(x, axis, in_order):
    """ONNX's Unique: values, first places, inverse and counts; by value, or as they come.

    As many as the data say: only outside a trace.
    """
    values, first, inverse, counts = jnp.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    inverse = inverse.reshape(-1)
    if not in_order:
        order = jnp.argsort(first)
        values = jnp.take(values, order, axis=0 if axis is None else axis)
        first, counts, inverse = first[order], counts[order], jnp.argsort(order)[inverse]
    return (values, *(part.astype(jnp.int64) for part in (first, inverse, counts)))


def dropout(key, x, ratio, training):
    """ONNX's Dropout; and what it kept."""
    kept = jax.random.bernoulli(key, 1 - ratio, x.shape) | ~jnp.asarray(training)
    scaled = jnp.where(kept, x / (1 - ratio), 0).astype(x.dtype)
    return jnp.where(training, scaled, x), kept
