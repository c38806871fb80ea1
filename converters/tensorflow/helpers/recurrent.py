"""LSTM, GRU and RNN."""

import tensorflow as tf


def recurrent(x, lengths, states, step, reverse):
    """Run `step(part, states) -> states` over x [time, batch, features]; returns all first states.

    Past a row's length its states stay and its outputs are zero; `reverse` runs from its end.
    """
    time = tf.shape(x)[0]
    if reverse:
        x = tf.reverse(x, [0]) if lengths is None else tf.reverse_sequence(x, lengths, 0, 1)
    collected = tf.TensorArray(states[0].dtype, size=time)

    def body(t, collected, *states):
        new = step(x[t], states)
        output = new[0]
        if lengths is not None:
            running = tf.expand_dims(t < lengths, 1)
            output = tf.where(running, output, tf.zeros_like(output))
            new = [tf.where(running, n, s) for n, s in zip(new, states)]
        return (t + 1, collected.write(t, output), *new)

    _, collected, *states = tf.while_loop(
        lambda t, *rest: t < time, body, (tf.constant(0), collected, *states)
    )
    outputs = collected.stack()
    outputs.set_shape([x.shape[0], x.shape[1], states[0].shape[-1]])
    if reverse:
        outputs = (
            tf.reverse(outputs, [0])
            if lengths is None
            else tf.reverse_sequence(outputs, lengths, 0, 1)
        )
    return outputs, states


def shaped(x, shape):
    """`x`, checked when it runs where its own shape does not say as much as `shape`."""
    known = x.shape.rank is not None and all(
        wanted is None or size == wanted for size, wanted in zip(x.shape, shape)
    )
    return x if known else tf.ensure_shape(x, shape)


def both_directions(x, r, lengths, initial, direction, batch_first, run):
    """Lay out x as [time, batch, features], run each direction, and gather ONNX's outputs."""
    x = shaped(x, [None, None, None])
    initial = [i if i is None else shaped(i, [None, None, None]) for i in initial]
    if batch_first:
        x = tf.transpose(x, [1, 0, 2])
        initial = [None if i is None else tf.transpose(i, [1, 0, 2]) for i in initial]
    lengths = None if lengths is None else tf.cast(lengths, tf.int32)
    hidden = r.shape[1]
    zeros = tf.zeros([tf.shape(x)[1], hidden], x.dtype)
    outputs, finals = [], []
    for d in range(2 if direction == "bidirectional" else 1):
        states = [zeros if i is None else shaped(i[d], [None, hidden]) for i in initial]
        reverse = direction == "reverse" or d == 1
        output, final = run(d, x, lengths, states, reverse)
        outputs.append(output)
        finals.append(final)
    y = tf.stack(outputs, axis=1)
    last = [tf.stack(states, axis=0) for states in zip(*finals)]
    if batch_first:
        y = tf.transpose(y, [2, 0, 1, 3])
        last = [tf.transpose(state, [1, 0, 2]) for state in last]
    return [y, *last]


def clipped(x, clip):
    """Gate inputs limited to [-clip, clip], where a clip is given."""
    return x if clip is None else tf.clip_by_value(x, -clip, clip)


def lstm(x, w, r, b, lengths, initial_h, initial_c, p, direction, activations, clip, batch_first):
    """ONNX's LSTM; w, r are [directions, in, 4 * hidden], gates in the order i, o, f, c."""
    hidden = r.shape[1]

    def run(d, x, lengths, states, reverse):
        gate, candidate, output = activations[d]
        projected = tf.tensordot(x, w[d], axes=1)  # every time step in one product
        if b is not None:
            projected = projected + (b[d, : 4 * hidden] + b[d, 4 * hidden :])
        recurrent_weights = r[d]

        def step(part, states):
            h, c = states
            i, o, f, g = tf.split(part + tf.matmul(h, recurrent_weights), 4, axis=-1)
            if p is not None:
                i, f = i + p[d, :hidden] * c, f + p[d, 2 * hidden :] * c
            c = gate(clipped(f, clip)) * c + gate(clipped(i, clip)) * candidate(clipped(g, clip))
            if p is not None:
                o = o + p[d, hidden : 2 * hidden] * c
            return [gate(clipped(o, clip)) * output(c), c]

        return recurrent(projected, lengths, states, step, reverse)

    return both_directions(x, r, lengths, [initial_h, initial_c], direction, batch_first, run)


def gru(
    x, w, r, b, lengths, initial_h, direction, activations, clip, batch_first, linear_before_reset
):
    """ONNX's GRU; w, r are [directions, in, 3 * hidden], gates in the order z, r, h."""
    hidden = r.shape[1]

    def run(d, x, lengths, states, reverse):
        gate, candidate = activations[d]
        input_bias = recurrent_bias = None
        if b is not None:
            input_bias, recurrent_bias = b[d, : 3 * hidden], b[d, 3 * hidden :]
        projected = tf.tensordot(x, w[d], axes=1)
        if b is not None:
            projected = projected + input_bias
        gates, last = r[d][:, : 2 * hidden], r[d][:, 2 * hidden :]

        def step(part, states):
            h = states[0]
            if linear_before_reset:
                product = tf.matmul(h, r[d])
                if b is not None:
                    product = product + recurrent_bias
                z, s = tf.split(
                    gate(clipped(part[:, : 2 * hidden] + product[:, : 2 * hidden], clip)),
                    2,
                    axis=-1,
                )
                n = part[:, 2 * hidden :] + s * product[:, 2 * hidden :]
            else:
                product = tf.matmul(h, gates)
                if b is not None:
                    product = product + recurrent_bias[: 2 * hidden]
                z, s = tf.split(gate(clipped(part[:, : 2 * hidden] + product, clip)), 2, axis=-1)
                n = part[:, 2 * hidden :] + tf.matmul(s * h, last)
                if b is not None:
                    n = n + recurrent_bias[2 * hidden :]
            return [(1 - z) * candidate(clipped(n, clip)) + z * h]

        return recurrent(projected, lengths, states, step, reverse)

    return both_directions(x, r, lengths, [initial_h], direction, batch_first, run)


def rnn(x, w, r, b, lengths, initial_h, direction, activations, clip, batch_first):
    """ONNX's RNN; w, r are [directions, in, hidden]."""
    hidden = r.shape[1]

    def run(d, x, lengths, states, reverse):
        [function] = activations[d]
        projected = tf.tensordot(x, w[d], axes=1)
        if b is not None:
            projected = projected + (b[d, :hidden] + b[d, hidden:])

        def step(part, states):
            return [function(clipped(part + tf.matmul(states[0], r[d]), clip))]

        return recurrent(projected, lengths, states, step, reverse)

    return both_directions(x, r, lengths, [initial_h], direction, batch_first, run)
