"""Arithmetic that JAX has otherwise."""

import jax.numpy as jnp
from jax import lax


def truncated_quotient(a, b):
    """Integers divided toward zero, as ONNX and C do; Python rounds down."""
    return lax.div(*jnp.broadcast_arrays(a, b))


def to_float8(x, dtype, saturate):
    """Cast to eight bits; what lies beyond, infinities too, becomes the largest if it saturates."""
    x = x.astype(jnp.float32)
    if saturate:
        largest = float(jnp.finfo(dtype).max)
        x = jnp.clip(x, -largest, largest)
    return x.astype(dtype)
