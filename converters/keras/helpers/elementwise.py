"""Arithmetic of integers."""

from keras import ops


def truncated_divide(a, b):
    """The quotient of integers, rounded toward zero."""
    quotient = ops.floor_divide(ops.abs(a), ops.abs(b))
    return ops.multiply(quotient, ops.multiply(ops.sign(a), ops.sign(b)))


def added(a, b):
    """The sum. ops.add takes some operands for biases of another axis, on TensorFlow; this does not."""
    if a.dtype == "uint64":
        return wide(ops.subtract, a, wide(ops.subtract, ops.zeros_like(b), b))
    return ops.subtract(a, ops.negative(b))


def shifted(x, amount, width, left):
    """Bits shifted by an amount that may be outside of [0, width): then all of them are gone."""
    inside = ops.logical_and(ops.greater_equal(amount, 0), ops.less(amount, width))
    some = ops.where(inside, amount, ops.zeros_like(amount))
    moved = ops.left_shift(x, some) if left else ops.right_shift(x, some)
    gone = ops.zeros_like(moved)
    if not left and not x.dtype.startswith("uint"):  # the sign is what comes in
        gone = ops.cast(ops.where(ops.less(x, 0), -ops.ones_like(moved), 0), moved.dtype)
    return ops.where(inside, moved, gone)


def shifted_in_zeros(x, amount):
    """int64 shifted to the right as if it had no sign."""
    kept = ops.subtract(ops.left_shift(np.array(1, "int64"), 63 - amount) * 2, 1)
    return ops.bitwise_and(ops.right_shift(x, amount), kept)


def wide(function, a, b):
    """A function of uint64, for which Keras has no rules, by way of the same bits as int64."""
    return ops.cast(function(ops.cast(a, "int64"), ops.cast(b, "int64")), "uint64")


def ordered(function, a, b):
    """A choice of two uint64, whose order is that of int64 once the highest bit is flipped."""
    flip = np.array(-(2**63), "int64")
    turned = [ops.bitwise_xor(ops.cast(x, "int64"), flip) for x in (a, b)]
    return ops.cast(ops.bitwise_xor(function(*turned), flip), "uint64")


def unsigned_divided(a, b):
    """The quotient of two uint64, and what is left."""
    a, b = ops.cast(a, "int64"), ops.cast(b, "int64")
    half = ops.bitwise_and(ops.right_shift(a, np.array(1, "int64")), np.array(2**63 - 1, "int64"))
    flip = np.array(-(2**63), "int64")
    reaches = ops.greater_equal(ops.bitwise_xor(a, flip), ops.bitwise_xor(b, flip))
    divisor = ops.where(ops.less(b, 1), np.array(1, "int64"), b)
    quotient = ops.floor_divide(half, divisor) * 2
    rest = ops.subtract(a, quotient * divisor)
    more = ops.greater_equal(ops.bitwise_xor(rest, flip), ops.bitwise_xor(divisor, flip))
    large = ops.less(b, 0)  # 2^63 or more: the quotient is one or nothing
    quotient = ops.where(large, ops.cast(reaches, "int64"), quotient + ops.cast(more, "int64"))
    return ops.cast(quotient, "uint64"), ops.cast(ops.subtract(a, quotient * b), "uint64")
