"""Loops over sequences, and branches."""

import theano
import theano.tensor as T
from theano.ifelse import ifelse


def open_axes(x):
    """x with no axis that Theano takes for one of one entry: other steps may have more."""
    x = T.as_tensor_variable(x)
    return T.unbroadcast(x, *range(x.ndim)) if x.ndim else x


def moved(x, before, after):
    """x with one axis at another place."""
    order = [axis for axis in range(x.ndim) if axis != before % x.ndim]
    order.insert(after % x.ndim, before % x.ndim)
    return x.dimshuffle(*order)


def scan(body, states, sequences, axes, backwards, row_axes, rows_backwards):
    """ONNX's Scan: `body(*states, *entries)` gives new states and a row of each result."""
    entries = [moved(T.as_tensor_variable(x), axis, 0) for x, axis in zip(sequences, axes)]
    entries = [x[::-1] if back else x for x, back in zip(entries, backwards)]
    count = len(states)

    def step(*given):
        results = body(*given[len(entries) :] + given[: len(entries)])
        results = results if isinstance(results, list) else [results]
        return [open_axes(x) for x in results[:count]] + results[count:]

    starts = [open_axes(state) for state in states]
    found, _ = theano.scan(step, entries, starts + [None] * len(row_axes))
    found = found if isinstance(found, list) else [found]
    rows = [x[::-1] if back else x for x, back in zip(found[count:], rows_backwards)]
    return [x[-1] for x in found[:count]] + [moved(x, 0, axis) for x, axis in zip(rows, row_axes)]


def branch(condition, then, otherwise):
    """The results of one of two functions; the other is not computed."""
    sides = [side() for side in (then, otherwise)]
    sides = [side if isinstance(side, list) else [side] for side in sides]
    results = ifelse(condition.flatten()[0], *[[open_axes(x) for x in side] for side in sides])
    return results if isinstance(results, list) else [results]
