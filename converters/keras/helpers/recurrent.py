"""Recurrent layers in ONNX's terms."""

from keras import ops


def recurrent(x, directions, batch_first):
    """ONNX's outputs (Y, Y_h and, of an LSTM, Y_c) of one layer a direction.

    x: [time, batch, features], or [batch, time, features] with batch_first.
    directions: (layer, weights, initial states, whether it runs backwards).
    Y: [time, batch, directions, …]: [time, directions, batch, units]; batch_first: [batch, time,
    directions, units]. The states: [directions, batch, units]; batch_first: [batch, directions, units].
    """
    x = x if batch_first else ops.transpose(x, [1, 0, 2])
    sequences, states = [], []
    for layer, weights, initial, backwards in directions:
        y, *last = holding(layer, weights, x, **({"initial_state": initial} if initial else {}))
        y = ops.flip(y, axis=1) if backwards else y
        sequences.append(y if batch_first else ops.transpose(y, [1, 0, 2]))
        states.append(last)
    axis = 1 if batch_first else 0
    whole = ops.stack(sequences, axis=2 if batch_first else 1)
    return [whole, *[ops.stack(list(parts), axis=axis) for parts in zip(*states)]]
