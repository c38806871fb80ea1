"""Functions of each element that take more than one operator."""

from mxnet.symbol import numpy as np


def round_to_even(x):
    """The nearest integer, halves to the even one; MXNet's own takes them away from zero."""
    low = np.floor(x)
    above = x - low
    up = np.where(np.equal(above, 0.5), np.mod(low, 2.0), (above > 0.5).astype("float32"))
    return low + up
