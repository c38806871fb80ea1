"""Reductions that take more than one operator."""

import mxnet as mx
from mxnet.symbol import numpy as np
from mxnet.symbol import numpy_extension as npx


def log_sum_exp(x, axis, keepdims):
    """log(sum(exp(x))) without overflow."""
    largest = np.max(x, axis=axis, keepdims=True)
    largest = np.where(np.isinf(largest), np.zeros_like(largest), largest)
    total = np.log(np.sum(np.exp(x - largest), axis=axis, keepdims=keepdims))
    return total + (largest if keepdims else np.max(largest, axis=axis))


def cum_sum(x, axis, exclusive, reverse, dtype):
    """Running sums along an axis: without the entry itself, from the end, or both."""
    result = np.flip(x, axis=axis) if reverse else x
    if exclusive:
        first = mx.sym.slice_axis(result.as_nd_ndarray(), axis=axis, begin=0, end=1)
        zero = np.zeros_like(first.as_np_ndarray())
        both = np.concatenate([zero, result], axis=axis).as_nd_ndarray()
        result = mx.sym.slice_axis(both, axis=axis, begin=0, end=-1).as_np_ndarray()
    result = np.cumsum(result, axis=axis, dtype=dtype)
    return np.flip(result, axis=axis) if reverse else result


def top_k(x, k, axis, largest):
    """The k largest (or smallest) along an axis, and where they stand."""
    found = npx.topk(x, k=k, axis=axis, ret_typ="both", is_ascend=not largest, dtype="int64")
    return found[0], found[1]


def lp_normalize(x, axis, p):
    """x by its norm along an axis; zero where that is zero."""
    if p == 1:
        norm = np.sum(np.abs(x), axis=axis, keepdims=True)
    else:
        norm = np.sqrt(np.sum(np.square(x), axis=axis, keepdims=True))
    return x / np.where(np.equal(norm, 0.0), np.ones_like(norm), norm)
