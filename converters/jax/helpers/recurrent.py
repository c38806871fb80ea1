"""Recurrent layers as ONNX has them: data [time, batch, …], results [time, directions, batch, …]."""

import jax
import jax.numpy as jnp
from jax import lax


def activation(name, *parameters):
    """The activation that ONNX calls so."""
    simple = {"Sigmoid": jax.nn.sigmoid, "Tanh": jnp.tanh, "Relu": jax.nn.relu,
              "Softsign": jax.nn.soft_sign, "Softplus": jax.nn.softplus}  # fmt: skip
    if name in simple:
        return simple[name]
    a, b = (*parameters, 0.0, 0.0)[:2]
    return {
        "Affine": lambda x: a * x + b,
        "Elu": lambda x: jax.nn.elu(x, a),
        "HardSigmoid": lambda x: jnp.clip(a * x + b, 0, 1),
        "LeakyRelu": lambda x: jax.nn.leaky_relu(x, a),
        "ScaledTanh": lambda x: a * jnp.tanh(b * x),
        "ThresholdedRelu": lambda x: jnp.where(x > a, x, 0),
    }[name]


def over_time(projected, lengths, states, direction, batch_first, steps):
    """Scan `steps[k](projected[k][t], states)`, one a direction, over time.

    `projected[k]` is what the inputs give to the gates, [time, batch, gates]. Rows whose sequence
    has ended keep their states and give zeros. Returns y and the last states.
    """
    results, last = [], []
    for k, step in enumerate(steps):
        start = [s[:, k] if batch_first else s[k] for s in states]

        def body(state, entry):
            t, gates = entry
            new = step(gates, *state)
            if lengths is None:
                return new, new[0]
            going = (t < lengths)[:, None]
            kept = [jnp.where(going, n, s) for n, s in zip(new, state)]
            return kept, jnp.where(going, new[0], 0)

        entries = (jnp.arange(projected[k].shape[0]), projected[k])
        backwards = direction == "reverse" or k == 1
        state, rows = lax.scan(body, start, entries, reverse=backwards)
        results.append(rows)
        last.append(state)
    axis = 0 if not batch_first else 1
    y = jnp.stack(results, 1)
    last = [jnp.stack([state[i] for state in last], axis) for i in range(len(states))]
    return [y.transpose(2, 0, 1, 3) if batch_first else y, *last]


def clipped(value, clip):
    """Within ± clip, where one is given."""
    return value if clip is None else jnp.clip(value, -clip, clip)


def beginning(x, r, state, batch_first):
    """The state to begin with; zeros where none is given."""
    if state is not None:
        return state
    batch, directions = x.shape[0 if batch_first else 1], r.shape[0]
    shape = (batch, directions) if batch_first else (directions, batch)
    return jnp.zeros((*shape, r.shape[-1]), x.dtype)


def lstm(x, w, r, b, lengths, h, c, p, direction, activations, clip, input_forget, batch_first):
    """ONNX's LSTM; gates in the order i o f c."""
    h, c = beginning(x, r, h, batch_first), beginning(x, r, c, batch_first)
    x = x.swapaxes(0, 1) if batch_first else x
    projected, steps = [], []
    for k in range(w.shape[0]):
        bias = 0 if b is None else sum(jnp.split(b[k], 2))
        projected.append(x @ w[k].T + bias)
        functions = [activation(*one) for one in activations[k]]
        peep = [0, 0, 0] if p is None else jnp.split(p[k], 3)

        def step(gates, h, c, k=k, functions=functions, peep=peep):
            f, g, out = functions
            i, o, forget, new = jnp.split(gates + h @ r[k].T, 4, axis=-1)
            i = f(clipped(i + peep[0] * c, clip))
            forget = 1 - i if input_forget else f(clipped(forget + peep[2] * c, clip))
            c = forget * c + i * g(clipped(new, clip))
            o = f(clipped(o + peep[1] * c, clip))
            return [o * out(c), c]

        steps.append(step)
    return over_time(projected, lengths, [h, c], direction, batch_first, steps)


def gru(x, w, r, b, lengths, h, direction, activations, clip, batch_first, linear_before_reset):
    """ONNX's GRU; gates in the order z r h."""
    h = beginning(x, r, h, batch_first)
    x = x.swapaxes(0, 1) if batch_first else x
    projected, steps, size = [], [], r.shape[-1]
    for k in range(w.shape[0]):
        w_bias, r_bias = (0, jnp.zeros(3 * size, x.dtype)) if b is None else jnp.split(b[k], 2)
        projected.append(x @ w[k].T + w_bias)
        functions = [activation(*one) for one in activations[k]]

        def step(gates, h, k=k, functions=functions, r_bias=r_bias):
            f, g = functions
            z, reset, new = jnp.split(gates, 3, axis=-1)
            if linear_before_reset:
                both = h @ r[k].T + r_bias
                z, reset = (
                    f(clipped(a + b, clip))
                    for a, b in zip((z, reset), jnp.split(both[:, : 2 * size], 2, axis=-1))
                )
                new = new + reset * both[:, 2 * size :]
            else:
                both = h @ r[k][: 2 * size].T + r_bias[: 2 * size]
                z, reset = (
                    f(clipped(a + b, clip)) for a, b in zip((z, reset), jnp.split(both, 2, axis=-1))
                )
                new = new + (reset * h) @ r[k][2 * size :].T + r_bias[2 * size :]
            return [(1 - z) * g(clipped(new, clip)) + z * h]

        steps.append(step)
    return over_time(projected, lengths, [h], direction, batch_first, steps)


def rnn(x, w, r, b, lengths, h, direction, activations, clip, batch_first):
    """ONNX's RNN."""
    h = beginning(x, r, h, batch_first)
    x = x.swapaxes(0, 1) if batch_first else x
    projected, steps = [], []
    for k in range(w.shape[0]):
        bias = 0 if b is None else sum(jnp.split(b[k], 2))
        projected.append(x @ w[k].T + bias)
        function = activation(*activations[k][0])
        steps.append(
            lambda gates, h, k=k, function=function: [function(clipped(gates + h @ r[k].T, clip))]
        )
    return over_time(projected, lengths, [h], direction, batch_first, steps)
