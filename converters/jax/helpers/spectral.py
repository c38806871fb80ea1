"""Fourier transforms on ONNX's pairs of real numbers, filters, and n-grams."""

import math

import jax.numpy as jnp
import numpy as np


def to_complex(x):
    """The complex (or real) numbers that the last axis holds; narrow dtypes have no transforms."""
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return x[..., 0] + 1j * x[..., 1] if x.shape[-1] == 2 else x[..., 0]


def pairs(z, dtype):
    """Complex numbers as pairs along a last axis."""
    return jnp.stack([z.real, z.imag], -1).astype(dtype)


def dft(x, length, axis, inverse, onesided):
    """ONNX's DFT along one axis."""
    z, axis = to_complex(x), axis % x.ndim
    if inverse and onesided:
        return jnp.fft.irfft(z, length, axis)[..., None].astype(x.dtype)
    if onesided:
        return pairs(jnp.fft.rfft(z, length, axis), x.dtype)
    return pairs((jnp.fft.ifft if inverse else jnp.fft.fft)(z, length, axis), x.dtype)


def stft(signal, step, window, length, onesided):
    """ONNX's STFT: [batch, samples, 1 or 2] → [batch, frames, bins, 2]."""
    length = length if length is not None else window.shape[0]
    z = to_complex(signal)
    count = (z.shape[1] - length) // step + 1
    z = z[:, jnp.arange(count)[:, None] * step + jnp.arange(length)]
    z = z if window is None else z * window
    onesided = onesided and not jnp.iscomplexobj(z)
    return pairs((jnp.fft.rfft if onesided else jnp.fft.fft)(z), signal.dtype)


def tf_idf(x, grams, indices, skips, shortest, longest, weights, mode):
    """ONNX's TfIdfVectorizer over whole numbers; `grams` are the n-grams, `indices` their places."""
    size = max(indices) + 1
    counts = jnp.zeros((*x.shape[:-1], size), jnp.float32)
    for gram, index in zip(grams, indices):
        n = len(gram)
        for distance in range(1, skips + 2 if n > 1 else 2):
            width = x.shape[-1] - (n - 1) * distance
            if not shortest <= n <= longest or width <= 0:
                continue
            same = [x[..., k * distance : k * distance + width] == gram[k] for k in range(n)]
            counts = counts.at[..., index].add(jnp.stack(same).all(0).sum(-1))
    scale = np.ones(size, np.float32) if weights is None else np.zeros(size, np.float32)
    for index, weight in zip(indices, weights or []):
        scale[index] = weight
    return counts if mode == "TF" else (counts > 0) * scale if mode == "IDF" else counts * scale


def mel_weight_matrix(bins, length, rate, low, high, dtype):
    """ONNX's MelWeightMatrix: triangles over the bins of a spectrum, [length // 2 + 1, bins]."""
    bins, length = int(bins), int(length)
    low, high = (2595 * math.log10(1 + float(edge) / 700) for edge in (low, high))
    mels = np.arange(bins + 2) * ((high - low) / (bins + 2)) + low
    edges = ((length + 1) * (700 * (10 ** (mels / 2595) - 1)) // float(rate)).astype(int)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    at = np.arange(length // 2 + 1)[:, None]
    rising = (at - left) / np.maximum(centre - left, 1)
    rising = np.where((at >= left) & (at <= centre), rising, 0)
    rising = np.where((left == centre) & (at == centre), 1, rising)
    falling = (right - at) / np.maximum(right - centre, 1)
    return jnp.array(np.where((at >= centre) & (at < right), falling, rising), dtype)
