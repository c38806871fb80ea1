"""Functions of each element that take more than one operator."""

import theano.tensor as T


def truncated_quotient(a, b):
    """Integers divided, rounded toward zero."""
    return T.sgn(a) * T.sgn(b) * (T.abs_(a) // T.abs_(b))


def remainder_of_dividend(a, b):
    """The remainder that has the dividend's sign."""
    return T.sgn(a) * (T.abs_(a) % T.abs_(b))
