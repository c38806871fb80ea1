"""Fourier transforms by tf.signal; complex numbers as ONNX has them: pairs on the last axis."""

import numpy as np
import tensorflow as tf


def exchange_axes(x, a, b):
    """x with two axes exchanged; their numbers may be known only at run time."""
    order = tf.range(x.shape.rank)
    return tf.transpose(x, tf.where(order == a, b, tf.where(order == b, a, order)))


def fourier(signal, length, inverse, onesided):
    """The transform along the axis before the last, of real [..., 1] or complex [..., 2] data.

    Forward in double precision, so that sums that cancel are as small as they should be.
    """
    dtype = signal.dtype
    if not inverse or dtype not in (tf.float32, tf.float64):
        signal = tf.cast(signal, tf.float64)
    if signal.shape[-1] == 1 and onesided and not inverse:
        result = tf.signal.rfft(signal[..., 0], [length])
    else:
        imaginary = tf.reduce_sum(signal[..., 1:], axis=-1)  # zeros where there is none
        values = tf.complex(signal[..., 0], imaginary)
        if onesided and inverse:
            real = tf.signal.irfft(values, [length])
            return tf.cast(tf.expand_dims(real, -1), dtype)
        values = values[..., :length]
        missing = length - tf.shape(values)[-1]
        values = tf.pad(values, [[0, 0]] * (values.shape.rank - 1) + [[0, missing]])
        result = tf.signal.ifft(values) if inverse else tf.signal.fft(values)
        result = result[..., : length // 2 + 1] if onesided else result
    return tf.cast(tf.stack([tf.math.real(result), tf.math.imag(result)], axis=-1), dtype)


def dft(x, length, axis, inverse, onesided):
    """ONNX's DFT along `axis`, of the signal cut or padded to `length`."""
    last = x.shape.rank - 2
    axis = tf.math.floormod(tf.cast(tf.reshape(axis, []), tf.int32), x.shape.rank)
    signal = exchange_axes(x, axis, last)
    if length is None:
        size = tf.shape(signal)[last]
        length = 2 * (size - 1) if inverse and onesided else size
    length = tf.cast(tf.reshape(length, []), tf.int32)
    return exchange_axes(fourier(signal, length, inverse, onesided), axis, last)


def stft(x, step, window, length, onesided):
    """ONNX's STFT of x [batch, time, 1 or 2]: [batch, frames, frequencies, 2]."""
    if length is None:
        length = tf.shape(x)[1] if window is None else tf.shape(window)[0]
    length = tf.cast(tf.reshape(length, []), tf.int32)
    step = tf.cast(tf.reshape(step, []), tf.int32)
    frames = tf.signal.frame(x, length, step, axis=1)
    if window is not None:
        frames = frames * tf.reshape(window, [-1, 1])
    return fourier(frames, length, False, onesided)


def mel_weight_matrix(bins, length, rate, low, high):
    """ONNX's MelWeightMatrix: triangles between frequencies that are even on the mel scale."""
    bins, length, rate = (tf.cast(tf.reshape(v, []), tf.int32) for v in (bins, length, rate))
    low, high = (
        2595 * tf.math.log1p(tf.cast(tf.reshape(v, []), tf.float64) / 700) / np.log(10)
        for v in (low, high)
    )
    step = (high - low) / tf.cast(bins + 2, tf.float64)
    mel = tf.cast(tf.range(bins + 2), tf.float64) * step + low
    hertz = 700 * tf.math.expm1(mel / 2595 * np.log(10))
    edges = tf.floor(tf.cast(length + 1, tf.float64) * hertz / tf.cast(rate, tf.float64))
    left, peak, right = edges[:-2], edges[1:-1], edges[2:]
    place = tf.cast(tf.range(length // 2 + 1), tf.float64)[:, None]
    rising = tf.math.divide_no_nan(place - left, peak - left)
    falling = tf.math.divide_no_nan(right - place, right - peak)
    matrix = tf.where((place >= left) & (place < peak), rising, 0.0)
    matrix = tf.where((place > peak) & (place < right), falling, matrix)
    return tf.where(tf.equal(place, peak), tf.ones([], tf.float64), matrix)
