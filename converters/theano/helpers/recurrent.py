"""Recurrent layers as ONNX has them: data [time, batch, …], results [time, directions, batch, …]."""

import theano
import theano.tensor as T


def over_time(x, w, b, lengths, states, steps, backwards, batch_first):
    """Scan `steps[k](gates, *states)`, one a direction, over time.

    Rows whose sequence has ended keep their states and give zeros. Returns all rows and the last
    states.
    """
    x = x.dimshuffle(1, 0, 2) if batch_first else x
    every, lasts = [], []
    for k, step in enumerate(steps):
        gates = T.tensordot(x, w[k], [[2], [1]])
        gates = gates if b is None else gates + b[k]
        times = T.arange(x.shape[0])
        back = backwards or k == 1
        if back:
            gates, times = gates[::-1], times[::-1]
        # Of one row or one unit, too, no axis of a state is taken for one that is broadcast.
        starts = [T.unbroadcast(state, 0, 1) for state in states[k]]
        if lengths is None:
            move = lambda time, now, *before, step=step: step(now, *before)  # noqa: E731
        else:
            going = lengths.dimshuffle(0, "x")

            def move(time, now, *before, step=step, going=going):
                kept = [
                    T.switch(time < going, n, old) for n, old in zip(step(now, *before), before)
                ]
                return kept + [T.switch(time < going, kept[0], T.zeros_like(kept[0]))]

        info = starts if lengths is None else starts + [None]
        found, _ = theano.scan(move, [times, gates], info)
        found = found if isinstance(found, list) else [found]
        rows = found[-1] if lengths is not None else found[0]
        every.append(rows[::-1] if back else rows)
        lasts.append([one[-1] for one in found[: len(starts)]])
    y = T.stack(every, axis=1)
    last = [T.stack(part, axis=1 if batch_first else 0) for part in zip(*lasts)]
    return [y.dimshuffle(2, 0, 1, 3) if batch_first else y] + last


def beginnings(x, size, states, directions, batch_first):
    """For each direction its first states; zeros where none is given."""
    zeros = T.zeros((x.shape[0 if batch_first else 1], size), x.dtype)
    return [
        [zeros if s is None else s[:, k] if batch_first else s[k] for s in states]
        for k in range(directions)
    ]


def halves(b, size):
    """A bias as its two parts; nothing of nothing."""
    return (None, None) if b is None else (b[:, :size], b[:, size:])


def lstm(x, w, r, b, lengths, states, size, functions, backwards, batch_first):
    """ONNX's LSTM; gates in the order i o f c."""
    first, second = halves(b, 4 * size)
    both = None if b is None else first + second

    def one(k):
        f, g, out = functions[k]

        def step(gates, h, c):
            gates = gates + T.dot(h, r[k].T)
            i, o, forget, new = [gates[:, n * size : (n + 1) * size] for n in range(4)]
            c = f(forget) * c + f(i) * g(new)
            return [f(o) * out(c), c]

        return step

    starts = beginnings(x, size, states, len(functions), batch_first)
    steps = [one(k) for k in range(len(starts))]
    return over_time(x, w, both, lengths, starts, steps, backwards, batch_first)


def gru(x, w, r, b, lengths, states, size, functions, backwards, batch_first, linear_before_reset):
    """ONNX's GRU; gates in the order z r h."""
    first, second = halves(b, 3 * size)

    def one(k):
        f, g = functions[k]

        def step(gates, h):
            bias = T.zeros((3 * size,), x.dtype) if second is None else second[k]
            both = T.dot(h, r[k][: 2 * size].T) + bias[: 2 * size]
            z = f(gates[:, :size] + both[:, :size])
            reset = f(gates[:, size : 2 * size] + both[:, size:])
            if linear_before_reset:
                inner = reset * (T.dot(h, r[k][2 * size :].T) + bias[2 * size :])
            else:
                inner = T.dot(reset * h, r[k][2 * size :].T) + bias[2 * size :]
            new = g(gates[:, 2 * size :] + inner)
            return [z * h + (T.ones_like(z) - z) * new]

        return step

    starts = beginnings(x, size, states, len(functions), batch_first)
    steps = [one(k) for k in range(len(starts))]
    return over_time(x, w, first, lengths, starts, steps, backwards, batch_first)


def rnn(x, w, r, b, lengths, states, size, functions, backwards, batch_first):
    """ONNX's RNN."""
    first, second = halves(b, size)
    both = None if b is None else first + second

    def one(k):
        return lambda gates, h: [functions[k][0](gates + T.dot(h, r[k].T))]

    starts = beginnings(x, size, states, len(functions), batch_first)
    steps = [one(k) for k in range(len(starts))]
    return over_time(x, w, both, lengths, starts, steps, backwards, batch_first)
