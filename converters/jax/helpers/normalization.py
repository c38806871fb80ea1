"""Normalisations. Statistics of narrow dtypes are computed in float32, as the standard has it."""

import jax.numpy as jnp
from jax import lax


def batch_norm(x, scale, bias, mean, variance, epsilon):
    """ONNX's BatchNormalization by running statistics, [channels] each."""
    factor = scale * lax.rsqrt(variance + epsilon)
    shape = (-1, *[1] * (x.ndim - 2))
    return (x * factor.reshape(shape) + (bias - mean * factor).reshape(shape)).astype(x.dtype)


def train_batch_norm(x, scale, bias, mean, variance, epsilon, momentum):
    """Normalised by the batch itself; and the running statistics after it."""
    axes = (0, *range(2, x.ndim))
    own, spread = jnp.mean(x, axes), jnp.var(x, axes)
    running = (
        (old * momentum + new * (1 - momentum)).astype(old.dtype)
        for old, new in ((mean, own), (variance, spread))
    )
    return (batch_norm(x, scale, bias, own, spread, epsilon), *running)


def layer_norm_with_statistics(x, scale, bias, axis, epsilon):
    """ONNX's LayerNormalization with the mean and inverse deviation that it used."""
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    axes = tuple(range(axis % x.ndim, x.ndim))
    mean = jnp.mean(wide, axes, keepdims=True)
    centred = wide - mean
    inverse = lax.rsqrt(jnp.mean(jnp.square(centred), axes, keepdims=True) + epsilon)
    result = (centred * inverse).astype(x.dtype) * scale
    return (result if bias is None else result + bias), mean, inverse


def layer_norm(x, scale, bias, axis, epsilon):
    """ONNX's LayerNormalization over all axes from `axis` on."""
    return layer_norm_with_statistics(x, scale, bias, axis, epsilon)[0]


def rms_norm(x, scale, axis, epsilon):
    """ONNX's RMSNormalization over all axes from `axis` on."""
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    axes = tuple(range(axis % x.ndim, x.ndim))
    inverse = lax.rsqrt(jnp.mean(jnp.square(wide), axes, keepdims=True) + epsilon)
    return (wide * inverse).astype(x.dtype) * scale


def instance_norm(x, scale, bias, epsilon):
    """ONNX's InstanceNormalization: each channel of each sample by itself."""
    axes, shape = tuple(range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    centred = x - jnp.mean(x, axes, keepdims=True)
    inverse = lax.rsqrt(jnp.mean(jnp.square(centred), axes, keepdims=True) + epsilon)
    return centred * inverse * scale.reshape(shape) + bias.reshape(shape)


def group_norm(x, scale, bias, groups, epsilon):
    """ONNX's GroupNormalization, scale and bias for each channel."""
    parts = x.reshape(x.shape[0], groups, -1).astype(jnp.promote_types(x.dtype, jnp.float32))
    centred = parts - jnp.mean(parts, 2, keepdims=True)
    inverse = lax.rsqrt(jnp.mean(jnp.square(centred), 2, keepdims=True) + epsilon)
    shape = (-1, *[1] * (x.ndim - 2))
    result = (centred * inverse).astype(x.dtype).reshape(x.shape)
    return result * scale.reshape(shape) + bias.reshape(shape)


def local_response_norm(x, size, alpha, beta, bias):
    """ONNX's LRN across channels."""
    before = (size - 1) // 2
    around = [(0, 0)] * x.ndim
    around[1] = (before, size - 1 - before)
    squares = jnp.pad(jnp.square(x), around)
    total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
    return x / jnp.power(bias + alpha / size * total, beta)
