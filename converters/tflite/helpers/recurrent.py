"""Recurrence and loops without lists of tensors, which TFLite has only where all shapes are fixed."""

import tensorflow as tf


def recurrent(x, lengths, states, step, reverse):
    """Run `step(part, states) -> states` over x [time, batch, features]; returns all first states.

    Past a row's length its states stay and its outputs are zero; `reverse` runs from its end.
    The outputs have their size from the start, and each step puts its own into its place.
    """
    time = tf.shape(x)[0]
    if reverse:
        x = tf.reverse(x, [0]) if lengths is None else tf.reverse_sequence(x, lengths, 0, 1)
    width = states[0].shape[-1]
    outputs = tf.zeros([time, tf.shape(x)[1], width], states[0].dtype)
    places = tf.reshape(tf.range(time), [-1, 1, 1])

    def body(t, outputs, *states):
        new = step(tf.gather(x, t), states)
        output = new[0]
        if lengths is not None:
            running = tf.expand_dims(t < lengths, 1)
            output = tf.where(running, output, tf.zeros_like(output))
            new = [tf.where(running, n, s) for n, s in zip(new, states)]
        return (t + 1, tf.where(tf.equal(places, t), tf.expand_dims(output, 0), outputs), *new)

    invariants = (
        tf.TensorShape([]),
        tf.TensorShape([None, None, width]),
        *[tf.TensorShape([None, width]) for _ in states],
    )
    _, outputs, *states = tf.while_loop(
        lambda t, *rest: t < time,
        body,
        (tf.constant(0), outputs, *states),
        shape_invariants=invariants,
    )
    outputs.set_shape([x.shape[0], x.shape[1], width])
    if reverse:
        outputs = (
            tf.reverse(outputs, [0])
            if lengths is None
            else tf.reverse_sequence(outputs, lengths, 0, 1)
        )
    return outputs, states
