"""Normalisations."""

import theano.tensor as T


def batch_norm(x, scale, bias, mean, variance, epsilon):
    """Of each channel, by what was measured."""
    laid = ["x", 0] + ["x"] * (x.ndim - 2)
    factor = scale / T.sqrt(variance + epsilon)
    centred = x - mean.dimshuffle(laid)
    return centred * factor.dimshuffle(laid) + bias.dimshuffle(laid)


def normalize(x, axes, epsilon):
    """x with mean 0 and variance 1 over the axes."""
    centred = x - T.mean(x, axis=axes, keepdims=True)
    return centred / T.sqrt(T.mean(T.sqr(centred), axis=axes, keepdims=True) + epsilon)
