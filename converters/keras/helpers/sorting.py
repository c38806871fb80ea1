"""The largest entries."""

from keras import ops


def top_k(x, k):
    """The k largest along the last axis, and where they stand (int64)."""
    values, indices = ops.top_k(x, k)
    return values, ops.cast(indices, "int64")


def top_k_along(x, k, largest, signed, order):
    """The k largest or smallest along the last axis, which stood elsewhere: `order` is how x was turned."""
    # Negation would overflow for the lowest integer; its complement does not.
    integer = "int" in x.dtype
    turned = (
        x if largest else (-1 - x if integer and signed else ops.bitwise_not(x) if integer else -x)
    )
    values, indices = top_k(turned, k)
    if not largest:
        values = (
            -1 - values if integer and signed else ops.bitwise_not(values) if integer else -values
        )
    back = [order.index(axis) for axis in range(len(order))]
    return ops.transpose(values, back), ops.transpose(indices, back)
