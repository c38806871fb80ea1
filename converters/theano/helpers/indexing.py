"""Picking and placing by index."""

import theano.tensor as T


def gather_nd(x, indices, depth, batch_dims):
    """x at the index vectors in the last axis of `indices`, [batch…, …, depth]."""
    last = indices.ndim - 1
    lead = [
        T.arange(indices.shape[i]).dimshuffle(*[0 if j == i else "x" for j in range(last)])
        for i in range(batch_dims)
    ]
    columns = [indices[(slice(None),) * last + (i,)] for i in range(depth)]
    return x[tuple(lead + columns)]


def updated(part, updates, adding):
    """The tensor that `part` was taken from, with `updates` in its place, or added there."""
    return T.inc_subtensor(part, updates) if adding else T.set_subtensor(part, updates)


def scatter_elements(x, indices, updates, axis, adding):
    """x with `updates` at `indices` along an axis, and at their own place along the others."""
    return updated(along_axis(x, indices, axis), updates, adding)


def scatter_nd(x, indices, updates, depth, adding):
    """x with `updates` at the index vectors in the last axis of `indices`."""
    return updated(gather_nd(x, indices, depth, 0), updates, adding)


def one_hot(indices, depth, values, axis):
    """values[1] where an entry says so along a new axis, else values[0]."""
    rank = indices.ndim + 1
    old = iter(range(rank - 1))
    laid = indices.dimshuffle(*["x" if i == axis else next(old) for i in range(rank)])
    laid = T.switch(laid < 0, laid + depth, laid)
    places = T.arange(depth).dimshuffle(*[0 if i == axis else "x" for i in range(rank)])
    return T.switch(T.eq(laid, places), values[1], values[0])


def reverse_sequence(x, lengths, batch_axis, time_axis):
    """Along time, of each row the first `lengths` entries turned around."""

    def along(vector, axis):
        return vector.dimshuffle(*[0 if i == axis else "x" for i in range(x.ndim)])

    steps = along(T.arange(x.shape[time_axis]), time_axis)
    counts = along(lengths, batch_axis)
    places = T.switch(steps < counts, counts - 1 - steps, steps)
    whole = T.zeros_like(x, dtype="int64")
    return along_axis(x, places + whole, time_axis)
