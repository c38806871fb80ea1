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


def single(x):
    """What has one entry, without axes."""
    x = T.as_tensor_variable(x)
    return x.flatten()[0] if x.ndim else x


def known(x):
    """The number that is known of a scalar while the graph is built; else None."""
    try:
        return int(T.get_scalar_constant_value(x))
    except T.NotScalarConstantError:
        return None


def loop(body, limit, condition, states, empty):
    """ONNX's Loop: `body(turn, going, *states)` gives whether to go on, new states and a row of each
    result.

    Theano's own loops turn at least once: where ours may not, theirs is not computed unless it does.
    """
    limit = T.cast(single(limit), "int64")
    first = T.constant(True) if condition is None else single(condition)
    turns = T.switch(first, limit, T.zeros_like(limit))
    count = len(states)

    def step(turn, *given):
        going, *results = body(turn, T.constant(True), *given)
        after = [open_axes(x) for x in results[:count]] + results[count:]
        going = single(going)
        if known(going) == 1:
            return after
        return after, theano.scan_module.until(T.eq(going, 0))

    starts = [open_axes(state) for state in states]
    found, _ = theano.scan(step, [T.arange(T.maximum(turns, 1))], starts + [None] * len(empty))
    found = found if isinstance(found, list) else [found]
    made = [x[-1] for x in found[:count]] + found[count:]
    if (known(limit) or 0) >= 1 and known(first) == 1:
        return made
    otherwise = [open_axes(x) for x in starts + list(empty)]
    return [ifelse(T.gt(turns, 0), open_axes(x), y) for x, y in zip(made, otherwise)]
