"""Recurrent layers as ONNX has them: data [time, batch, …], results [time, directions, batch, …]."""

import torch
import torch.nn.functional as F


def ordered(weight, order):
    """The gates, stacked along the first axis, in another order."""
    parts = weight.chunk(len(order))
    return torch.cat([parts[i] for i in order])


def recurrent(function, x, weights, states, hidden, direction):
    """torch.lstm, torch.gru or torch.rnn_*: one layer, from zero where no state is given."""
    backwards, both = direction == "reverse", direction == "bidirectional"
    x = x.flip(0) if backwards else x
    zero = x.new_zeros(1 + both, x.shape[1], hidden)
    states = [zero if state is None else state for state in states]
    given = tuple(states) if len(states) > 1 else states[0]
    biased = len(weights) > 2 * (1 + both)
    y, *last = function(x, given, weights, biased, 1, 0.0, False, both, False)
    y = y.reshape(*y.shape[:2], 1 + both, hidden).transpose(1, 2)
    return y.flip(0) if backwards else y, *last


def activation(name, *parameters):
    """The activation that ONNX calls so."""
    simple = {"Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Relu": torch.relu,
              "Softsign": F.softsign, "Softplus": F.softplus}  # fmt: skip
    if name in simple:
        return simple[name]
    a, b = (*parameters, 0.0, 0.0)[:2]
    return {
        "Affine": lambda x: a * x + b,
        "Elu": lambda x: F.elu(x, a),
        "HardSigmoid": lambda x: torch.clamp(a * x + b, 0, 1),
        "LeakyRelu": lambda x: F.leaky_relu(x, a),
        "ScaledTanh": lambda x: a * torch.tanh(b * x),
        "ThresholdedRelu": lambda x: F.threshold(x, a, 0.0),
    }[name]


def over_time(x, lengths, states, direction, batch_first, steps):
    """Run `steps[i](x_t, *states)`, one a direction, over time.

    Rows whose sequence has ended keep their states and give zeros. Returns y and the last states.
    """
    x = x.transpose(0, 1) if batch_first else x
    time = x.shape[0]
    results, last = [], []
    for i, step in enumerate(steps):
        backwards = direction == "reverse" or i == 1
        state = [s[:, i] if batch_first else s[i] for s in states]
        rows = [None] * time
        for t in reversed(range(time)) if backwards else range(time):
            new = step(x[t], *state)
            if lengths is None:
                state, rows[t] = new, new[0]
                continue
            going = (t < lengths)[:, None]
            state = [torch.where(going, n, s) for n, s in zip(new, state)]
            rows[t] = torch.where(going, new[0], 0)
        results.append(torch.stack(rows))
        last.append(state)
    y = torch.stack(results, 1)
    last = [torch.stack([state[k] for state in last]) for k in range(len(states))]
    if batch_first:
        return [y.permute(2, 0, 1, 3), *[s.transpose(0, 1) for s in last]]
    return [y, *last]


def clipped(value, clip):
    """Within ± clip, where one is given."""
    return value if clip is None else torch.clamp(value, -clip, clip)


def blank(x, r, batch_first):
    """A state of zeros."""
    batch = x.shape[0 if batch_first else 1]
    shape = [batch, r.shape[0]] if batch_first else [r.shape[0], batch]
    return x.new_zeros(*shape, r.shape[-1])


def lstm(x, w, r, b, lengths, h, c, p, direction, activations, clip, input_forget, batch_first):
    """ONNX's LSTM; gates in the order i o f c."""
    h = blank(x, r, batch_first) if h is None else h
    c = blank(x, r, batch_first) if c is None else c

    def cell(k):
        f, g, out = [activation(*one) for one in activations[k]]
        bias = 0 if b is None else sum(b[k].chunk(2))
        peep = [0, 0, 0] if p is None else p[k].chunk(3)

        def step(x_t, h, c):
            gates = x_t @ w[k].t() + h @ r[k].t() + bias
            i, o, forget, new = gates.chunk(4, -1)
            i = f(clipped(i + peep[0] * c, clip))
            forget = 1 - i if input_forget else f(clipped(forget + peep[2] * c, clip))
            c = forget * c + i * g(clipped(new, clip))
            o = f(clipped(o + peep[1] * c, clip))
            return [o * out(c), c]

        return step

    steps = [cell(k) for k in range(len(w))]
    return over_time(x, lengths, [h, c], direction, batch_first, steps)


def gru(x, w, r, b, lengths, h, direction, activations, clip, batch_first, linear_before_reset):
    """ONNX's GRU; gates in the order z r h."""
    h = blank(x, r, batch_first) if h is None else h

    def cell(k):
        f, g = [activation(*one) for one in activations[k]]
        size = r.shape[-1]
        bias = x.new_zeros(6 * size) if b is None else b[k]
        w_bias, r_bias = bias.chunk(2)

        def step(x_t, h):
            z, reset, new = (x_t @ w[k].t() + w_bias).chunk(3, -1)
            both = h @ r[k][: 2 * size].t() + r_bias[: 2 * size]
            z, reset = (f(clipped(a + b, clip)) for a, b in zip((z, reset), both.chunk(2, -1)))
            last, last_bias = r[k][2 * size :].t(), r_bias[2 * size :]
            if linear_before_reset:
                new = new + reset * (h @ last + last_bias)
            else:
                new = new + (reset * h) @ last + last_bias
            return [(1 - z) * g(clipped(new, clip)) + z * h]

        return step

    steps = [cell(k) for k in range(len(w))]
    return over_time(x, lengths, [h], direction, batch_first, steps)


def rnn(x, w, r, b, lengths, h, direction, activations, clip, batch_first):
    """ONNX's RNN."""
    h = blank(x, r, batch_first) if h is None else h

    def cell(k):
        f = activation(*activations[k][0])
        bias = 0 if b is None else sum(b[k].chunk(2))
        return lambda x_t, h: [f(clipped(x_t @ w[k].t() + h @ r[k].t() + bias, clip))]

    steps = [cell(k) for k in range(len(w))]
    return over_time(x, lengths, [h], direction, batch_first, steps)
