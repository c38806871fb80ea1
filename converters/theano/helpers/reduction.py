"""Reductions and products that take more than one operator."""

import theano.tensor as T


def softmax(x, axis):
    """exp(x) by its sum along an axis."""
    parts = T.exp(x - T.max(x, axis=axis, keepdims=True))
    return parts / T.sum(parts, axis=axis, keepdims=True)


def log_softmax(x, axis):
    """The logarithm of softmax."""
    centred = x - T.max(x, axis=axis, keepdims=True)
    return centred - T.log(T.sum(T.exp(centred), axis=axis, keepdims=True))


def log_sum_exp(x, axis, keepdims):
    """log(sum(exp(x))) without overflow."""
    largest = T.max(x, axis=axis, keepdims=True)
    largest = T.switch(T.isinf(largest), T.zeros_like(largest), largest)
    total = T.log(T.sum(T.exp(x - largest), axis=axis, keepdims=True)) + largest
    return total if keepdims else T.sum(total, axis=axis)


def reversed_along(x, axis):
    """x from its end along an axis."""
    return x[(slice(None),) * axis + (slice(None, None, -1),)]


def cumulate(function, x, axis, exclusive, reverse, start):
    """Running sums or products: without the entry itself, from the end, or both."""
    x = reversed_along(x, axis) if reverse else x
    if exclusive:
        lead = (slice(None),) * axis
        first = T.alloc(start, *[1 if i == axis else x.shape[i] for i in range(x.ndim)])
        x = T.concatenate([first, x[lead + (slice(None, -1),)]], axis=axis)
    x = function(x, axis=axis)
    return reversed_along(x, axis) if reverse else x


def along_axis(x, places, axis):
    """Of x the entries at `places` along an axis, and at their own place along the others."""
    grid = [
        places
        if i == axis
        else T.arange(places.shape[i]).dimshuffle(*[0 if j == i else "x" for j in range(x.ndim)])
        for i in range(x.ndim)
    ]
    return x[tuple(grid)]


def top_k(x, k, axis, largest):
    """The k largest (or smallest) along an axis, and where they stand; of equals, the first."""
    if largest:  # sorted from the end, so that what is turned around has the first of equals first
        order = T.argsort(reversed_along(x, axis), axis=axis, kind="mergesort")
        order = x.shape[axis] - 1 - reversed_along(order, axis)
    else:
        order = T.argsort(x, axis=axis, kind="mergesort")
    order = order[(slice(None),) * axis + (slice(None, k),)]
    return along_axis(x, order, axis), T.cast(order, "int64")


def lp_normalize(x, axis, p):
    """x by its norm along an axis; zero where that is zero."""
    if p == 1:
        norm = T.sum(T.abs_(x), axis=axis, keepdims=True)
    else:
        norm = T.sqrt(T.sum(T.sqr(x), axis=axis, keepdims=True))
    return x / T.switch(T.eq(norm, 0), T.ones_like(norm), norm)


def matmul(a, b):
    """NumPy's product of stacks of matrices; b has three axes and more."""
    vector = a.ndim == 1
    a = a.dimshuffle("x", 0) if vector else a
    rank = max(a.ndim, b.ndim)
    a = a.dimshuffle(*["x"] * (rank - a.ndim) + list(range(a.ndim)))
    b = b.dimshuffle(*["x"] * (rank - b.ndim) + list(range(b.ndim)))
    batch = [b.shape[i] if a.broadcastable[i] else a.shape[i] for i in range(rank - 2)]
    rows, inner, columns = a.shape[rank - 2], a.shape[rank - 1], b.shape[rank - 1]
    stacks = []
    for one, sizes in ((a, [rows, inner]), (b, [inner, columns])):
        if any(
            mine and not other
            for mine, other in zip(one.broadcastable[:-2], (b if one is a else a).broadcastable)
        ):
            one = T.alloc(one, *batch + sizes)
        stacks.append(T.reshape(one, [-1] + sizes, ndim=3) if rank != 3 else one)
    result = T.batched_dot(*stacks)
    result = T.reshape(result, batch + [rows, columns], ndim=rank) if rank != 3 else result
    return result[(slice(None),) * (rank - 2) + (0,)] if vector else result


def einsum(terms, result, arrays):
    """The sum over all letters that are not in `result` of the product of the arrays."""
    summed = [letter for letter in sorted(set("".join(terms))) if letter not in result]
    letters = list(result) + summed
    product = None
    for term, array in zip(terms, arrays):
        laid = array.dimshuffle(*[term.index(i) if i in term else "x" for i in letters])
        product = laid if product is None else product * laid
    if summed:
        product = T.sum(product, axis=list(range(len(result), len(letters))), dtype=product.dtype)
    return product
