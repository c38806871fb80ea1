"""Arithmetic of integers."""

from keras import ops


def truncated_divide(a, b):
    """The quotient of integers, rounded toward zero."""
    quotient = ops.floor_divide(ops.abs(a), ops.abs(b))
    return ops.multiply(quotient, ops.multiply(ops.sign(a), ops.sign(b)))
